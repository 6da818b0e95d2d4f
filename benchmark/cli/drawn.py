"""A warning before weights are used that a run learnt from drawn images."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmark.core.digests import digest_of
from benchmark.core.files import Paths, read_json
from benchmark.core.params import load_params
from benchmark.core.recorded import RUN, files_of
from benchmark.runs.settings import WEIGHTS


def warnings(paths: Paths, weights: Sequence[Path]) -> Iterator[str]:
    """One line a file of weights that a run here learnt from drawn images.

    A run is found by the digest in its record, so a copy under another name is found too.
    """
    by_digest = dict(_learnt_from_drawn(paths))
    for file in weights if by_digest else ():
        mix = by_digest.get(digest_of(file))
        if mix:
            yield (
                f"WARNING {file}: these weights come from drawn images ({mix}). "
                "Their masks of real images are not meaningful."
            )


def _learnt_from_drawn(paths: Paths) -> Iterator[tuple[str, str]]:
    """The digest of each file of weights of a drawn mix, with the title of the mix."""
    for name, mix in load_params(paths.root).mixes.items():
        if mix.drawn:
            for record in paths.results(name).glob(f"*/*/seed-*/{RUN}"):
                yield files_of(read_json(record)).get(WEIGHTS, ""), mix.title
