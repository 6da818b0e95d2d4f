"""Weights and maps away from the machine that made them: remotes, transfers, what may go; no torch.

**Conventions**

1. A remote holds each file once, below `mixseg/sha256/`, under the SHA-256 that run.json lists.
2. A file counts as arrived when its digest is the one of its name; until then it has another name.
"""
