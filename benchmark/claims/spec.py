"""The claims of claims.yaml: who says it, where, and the predicate by which scores judge it."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmark.claims.measures import MEASURES
from benchmark.core.errors import ParamsError
from benchmark.core.recipe import Name
from benchmark.core.yaml_files import read_yaml

CLAIMS = Path(__file__).parent / "claims.yaml"
MODALITY = "{modality}"
EACH, MEAN = "each modality", "mean"
Names = Annotated[list[str], Field(min_length=1)]
Verdict = Literal["supported", "contradicted", "undecided", "not run"]


class PredicateBase(BaseModel):
    """What every predicate is: a frozen object without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def methods(self) -> Iterator[str]:
        """The methods that it needs."""
        yield from ()


class Compared(PredicateBase):
    """Pairs of methods on some test sets.

    Attributes:
        one, than: methods; every one is held against every other. «{modality}» stands for the
            modality of the test set.
        where: modalities, or «each modality», or «mean».
        metric: a column of scores.csv.
        need: whether all pairs must hold, or more than half.
    """

    one: Names
    than: Names
    where: Names = [EACH]
    metric: str = "dsc"
    need: Literal["all", "most"] = "all"

    def methods(self) -> Iterator[str]:
        """Both sides."""
        yield from (*self.one, *self.than)


class Better(Compared):
    """The first is better: its interval of the difference excludes 0."""

    kind: Literal["better"]


class NoBetter(Compared):
    """The first is not better by more than a margin that would matter."""

    kind: Literal["no better"]
    margin: float = Field(0.01, gt=0)


class Close(Compared):
    """The first may lead, by less than a margin."""

    kind: Literal["close"]
    margin: float = Field(0.02, gt=0)


class GainsMore(PredicateBase):
    """One difference is larger than another, on each test set: (a - b) - (c - d) above 0.

    Attributes:
        gain: a and b.
        over: c and d. «{modality}» as in `Compared`.
        where, metric: as in `Compared`.
    """

    kind: Literal["gains more"]
    gain: tuple[str, str]
    over: tuple[str, str]
    where: Names = [EACH]
    metric: str = "dsc"

    def methods(self) -> Iterator[str]:
        """All four."""
        yield from (*self.gain, *self.over)


class OfAnalysis(PredicateBase):
    """Something that an analysis measured.

    Attributes:
        measure: its name in `measures.MEASURES`.
    """

    measure: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.measure not in MEASURES:
            raise ValueError(f"no measure {self.measure!r}; known are {', '.join(MEASURES)}")
        return self


class Measured(OfAnalysis):
    """The first is better in what an analysis measured, in the mean over modalities.

    Attributes:
        one, than: as in `Compared`.
    """

    kind: Literal["measured"]
    one: Names
    than: Names

    def methods(self) -> Iterator[str]:
        """Both sides."""
        yield from (*self.one, *self.than)


class Above(OfAnalysis):
    """What an analysis measured lies beyond a value on the better side, in the mean.

    Attributes:
        level: the value.
    """

    kind: Literal["measured above"]
    of: Names
    level: float = 0.0

    def methods(self) -> Iterator[str]:
        """All of them."""
        yield from self.of


class Rising(PredicateBase):
    """Methods in rising order: each is better than the one before.

    Attributes:
        order: the worst first.
        where, metric: as in `Compared`.
    """

    kind: Literal["rising"]
    order: Annotated[list[str], Field(min_length=2)]
    where: Names = [MEAN]
    metric: str = "dsc"

    def methods(self) -> Iterator[str]:
        """All of them."""
        yield from self.order


class Easier(PredicateBase):
    """Each method scores higher on some modalities than on others."""

    kind: Literal["easier"]
    of: Names
    high: Names
    low: Names
    metric: str = "dsc"

    def methods(self) -> Iterator[str]:
        """All of them."""
        yield from self.of


class Smaller(PredicateBase):
    """Methods score lower on the cases with the smallest reference masks than on the others.

    Attributes:
        than: other methods, which lose less on these cases; empty where that is not asked.
        need: as in `Compared`, over the methods of `than`.
        share: the part of a test set's cases that counts as small.
    """

    kind: Literal["small lesions"]
    of: Names
    where: Names = [EACH]
    than: list[str] = []
    share: float = Field(0.25, gt=0, lt=1)
    metric: str = "dsc"
    need: Literal["all", "most"] = "all"

    def methods(self) -> Iterator[str]:
        """All of them."""
        yield from (*self.of, *self.than)


class Count(PredicateBase):
    """A number of parameters, as printed: 7.51M is anything that rounds to it."""

    kind: Literal["parameters"]
    method: str
    printed: str = Field(pattern=r"^\d+(\.\d+)?M$")
    exactly: int | None = None

    def methods(self) -> Iterator[str]:
        """The method."""
        yield self.method


class Growing(PredicateBase):
    """Trainable parameters grow from one method to the next.

    Attributes:
        times: by more than this factor.
    """

    kind: Literal["parameters grow"]
    times: float = Field(1.0, ge=1)
    order: Annotated[list[str], Field(min_length=2)]

    def methods(self) -> Iterator[str]:
        """All of them."""
        yield from self.order


class Cases(PredicateBase):
    """The number of training cases of a mix."""

    kind: Literal["training cases"]
    mix: Name
    exactly: int


class Open(PredicateBase):
    """A question that the description leaves open; there is nothing to judge.

    Attributes:
        reads: what is printed as the verdict.
        verdict: undecided, or not run.
        why: one sentence.
        method: whose parameters are shown with it, if any.
    """

    kind: Literal["open"]
    reads: str
    verdict: Literal["undecided", "not run"]
    why: str
    method: str = ""

    def methods(self) -> Iterator[str]:
        """The method, if any."""
        yield from [self.method] * bool(self.method)


Predicate = Annotated[
    Better
    | NoBetter
    | Close
    | GainsMore
    | Measured
    | Above
    | Rising
    | Easier
    | Smaller
    | Count
    | Growing
    | Cases
    | Open,
    Field(discriminator="kind"),
]


class Claim(BaseModel):
    """One claim.

    Attributes:
        id: its name, in letters that fit an address.
        paper: who says it; «ours» for a question of the suite that nobody has answered in print.
        source: where it stands.
        sentence: what it says, in our words.
        mixes: the mixes that it was made on.
        seeds: the fewest seeds that a trained method needs.
        predicates: all of them must hold.
        read_as: how a loose word was read, and what stands in for what cannot be measured here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    id: Name
    paper: Literal["MMSNet", "SCC", "ours"]
    source: str = Field(min_length=1)
    sentence: str = Field(min_length=1)
    mixes: list[Name] = []
    seeds: int = Field(3, ge=1)
    predicates: list[Predicate] = Field(min_length=1)
    read_as: str = ""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that it needs, each once."""
        return tuple(dict.fromkeys(name for each in self.predicates for name in each.methods()))

    @property
    def needs_scores(self) -> bool:
        """Whether it is judged by scores."""
        return any(not isinstance(p, Count | Growing | Cases | Open) for p in self.predicates)

    @property
    def needs(self) -> str:
        """The evidence that it needs, in a phrase."""
        where = " or ".join(self.mixes) or "any mix"
        if self.needs_scores:
            told = f"{', '.join(self.methods)} on {where}, {self.seeds} seeds"
            found = (p.measure for p in self.predicates if isinstance(p, OfAnalysis))
            asked = dict.fromkeys(MEASURES[name].analysis for name in found)
            return f"{told}, with the analyses {', '.join(asked)}" if asked else told
        if self.methods:
            return f"the card of {', '.join(self.methods)}"
        return f"the data of {where}" if self.mixes else "data that is not here"


class ClaimsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    claims: list[Claim] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [claim.id for claim in self.claims]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ValueError(f"two claims are called {twice}")
        return self


def load_claims(path: Path = CLAIMS) -> tuple[Claim, ...]:
    """Reads and checks the claims.

    Raises: ParamsError naming the claim and the key.
    """
    try:
        raw = read_yaml(path)
        return tuple(ClaimsFile.model_validate(raw).claims)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        do = "Correct the YAML of the file."
        raise ParamsError(path, f"unreadable ({problem})", "YAML", do) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        found = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}"
        expected = "a claim as benchmark/claims/spec.py describes it"
        raise ParamsError(path, found, expected, "Correct that key.") from error


def fed(claims: Iterable[Claim]) -> dict[str, list[str]]:
    """The claims that each analysis feeds: their ids by its name, in the order of the file."""
    found: dict[str, list[str]] = {}
    for claim in claims:
        asked = [each for each in claim.predicates if isinstance(each, OfAnalysis)]
        for analysis in dict.fromkeys(MEASURES[each.measure].analysis for each in asked):
            found.setdefault(analysis, []).append(claim.id)
    return found
