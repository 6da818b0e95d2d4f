"""What the parameters must know of a declared row, whatever declares it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, Self

from benchmark.core.recipe import Recipe

Prompt = Literal["none", "point", "centre", "box"]


class Row(Protocol):
    """A row; `benchmark.methods.declaration.Card` is one."""

    @property
    def name(self) -> str: ...

    @property
    def group(self) -> str: ...

    @property
    def mixes(self) -> Sequence[str]: ...

    @property
    def arguments(self) -> Mapping[str, Any]: ...

    @property
    def weights(self) -> Sequence[object]: ...

    @property
    def recipe(self) -> Recipe: ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self:
        """The same row with some fields changed."""
