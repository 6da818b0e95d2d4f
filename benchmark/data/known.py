"""Pictures that a mix is trained on, so that none of them is scored as never seen.

**Conventions** A picture is known by its *id* where its dataset is trained on and holds a case of
this name, or where the name is one that the ISIC archive gives (`ISIC_0000000`): its releases share
pictures. Other names are running numbers and say nothing of another dataset. It is known by its
*pixels* where a training case has the same prepared pixels. Names of drawn cases depend on the seed
and do not count. Near duplicates are the task of `mixseg leaks`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmark.data.cases import load_cases
from benchmark.data.catalog import Dataset
from benchmark.data.manifest import data_digest

TRAINED_ON = ("train", "val")
WHY = ("id", "pixels")  # in the order in which they are looked for
ARCHIVED = re.compile(r"ISIC_\d{7}")


@dataclass(frozen=True)
class Known:
    """The training cases of a mix.

    Attributes:
        of: the mix, and the digest of its prepared data.
        names: dataset and name of each.
        digests: of their prepared pixels.
    """

    of: dict[str, str]
    names: Collection[tuple[str, str]]
    digests: Collection[str]

    @classmethod
    def read(cls, prepared: Path) -> Self:
        """The training cases of prepared data; raises as `load_cases`."""
        table = load_cases(prepared, TRAINED_ON).table
        names = set(zip(table["dataset"], table["case"], strict=True))
        names |= {("", name) for _, name in names if ARCHIVED.fullmatch(name)}
        of = {"mix": prepared.name, "content": data_digest(prepared)}
        return cls(of, frozenset(names), frozenset(table["digest"]))

    def why(self, dataset: Dataset, case: str, digest: str) -> str:
        """By what a case is known, one of `WHY`; empty for one that is not.

        Args:
            digest: of its prepared pixels, as in cases.csv.
        """
        if not dataset.drawn and ((dataset.name, case) in self.names or ("", case) in self.names):
            return "id"
        return "pixels" if digest in self.digests else ""
