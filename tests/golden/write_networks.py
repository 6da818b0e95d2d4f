"""Writes golden/networks/*.json: what our networks give, once they equal the official ones.

Each network is first compared with the official one at full size in float64, which needs the
oracles or, for some, a clone of the official code (official_code.py). Then it gets other weights,
drawn by number, and a small image; a part of what it gives is stored. Run it from the root:
`python tests/golden/write_networks.py [METHOD ...]`; it writes the same bytes each time, and takes
minutes.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE.parent), str(HERE.parent / "baselines")]

import golden_networks as kit  # noqa: E402
import official_code  # noqa: E402
import parity  # noqa: E402
import torch  # noqa: E402


def verify(golden: kit.Golden) -> float:
    """The largest relative difference from the official network."""
    if not golden.oracle:
        return official_code.check(golden.method, golden.full_outputs or golden.outputs)
    shape = (1, 3, golden.full, golden.full)
    found = parity.check(
        golden.method, golden.oracle, golden.full_outputs or golden.outputs, shape,
        golden.full_dtype, golden.full_tolerance,
    )  # fmt: skip
    return max(found.values())


def idle(golden: kit.Golden) -> list[str]:
    """Parameters whose change by a share of 1e-3 moves no output beyond the tolerance."""
    method = kit.built(golden)[0].requires_grad_(True)
    outputs = list(golden.outputs(method, kit.image(golden.side)))
    total = sum((each / each.detach().abs().max()).square().sum().sqrt() for each in outputs)
    torch.autograd.backward(total)
    moved = {
        name: 0.0 if p.grad is None else float((p.grad * p.detach()).norm())
        for name, p in method.named_parameters()
    }
    return [name for name, value in moved.items() if 1e-3 * value < kit.TOLERANCE]


def main() -> None:
    for folder, name in ((parity.ORACLES, "ORACLES"), (official_code.FOLDER, "OFFICIAL")):
        if not folder.is_dir():
            sys.exit(f"{folder}: no folder, expected the official networks. Set MIXSEG_{name}.")
    kit.FOLDER.mkdir(exist_ok=True)
    for golden in kit.NETWORKS:
        if sys.argv[1:] and golden.method not in sys.argv[1:]:
            continue
        apart = verify(golden)
        text = json.dumps(kit.told(golden), separators=(",", ":")) + "\n"
        kit.path_of(golden).write_text(text, encoding="utf-8", newline="\n")
        unmoved = idle(golden)
        print(f"{golden.method}: {apart:.1e} from the official network; {len(text)} bytes;"
              f" {len(unmoved)} parameters move nothing: {', '.join(unmoved[:4])}")  # fmt: skip


if __name__ == "__main__":
    main()
