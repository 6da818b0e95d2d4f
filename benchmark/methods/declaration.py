"""The card of a method and its recipe: plain data, read without torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Group = Literal["main", "prompted", "single", "as-published", "ablation"]
Prompt = Literal["none", "point", "centre", "box"]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]


class Recipe(BaseModel):
    """How a method is trained.

    In params.yaml every field is given; in a card only the departures from it, with the reason.

    Attributes:
        epochs: passes over train and val together; 0 is a method used as released.
        batch: cases a step of the optimiser.
        accumulate: pieces into which a batch is cut when it does not fit the device.
        scales: sizes that each batch is used at, one step of the optimiser each; 1 is the mix's.
        lr, lr_end: learning rate at the start and at the end of the schedule.
        momentum, nesterov: of sgd alone.
        step_epochs, step_gamma: of the schedule "step": lr falls to this share every so often.
        warmup: steps of linear warm-up.
        clip, clip_value: largest norm of the gradient, largest value in it; 0 is none.
        hflip, vflip: probability of a mirror image.
        rotation_deg: rotations are drawn uniformly from plus or minus this.
        why: reason for the departures.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int | None = Field(None, ge=0)
    batch: int | None = Field(None, ge=1)
    accumulate: int | None = Field(None, ge=1)
    scales: tuple[float, ...] | None = Field(None, min_length=1)
    optimiser: Literal["adamw", "adam", "sgd"] | None = None
    lr: float | None = Field(None, gt=0)
    lr_end: float | None = Field(None, ge=0)
    momentum: float | None = Field(None, ge=0, lt=1)
    nesterov: bool | None = None
    weight_decay: float | None = Field(None, ge=0)
    schedule: Literal["cosine", "poly", "constant", "step", "triangular"] | None = None
    step_epochs: int | None = Field(None, ge=1)
    step_gamma: float | None = Field(None, gt=0, le=1)
    warmup: int | None = Field(None, ge=0)
    clip: float | None = Field(None, ge=0)
    clip_value: float | None = Field(None, ge=0)
    hflip: float | None = Field(None, ge=0, le=1)
    vflip: float | None = Field(None, ge=0, le=1)
    rotation_deg: float | None = Field(None, ge=0, le=180)
    why: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        whole = all(value is not None for value in self.fields().values())
        if self.departures() and not whole and not self.why:
            raise ValueError(f"departures {self.departures()} without a reason; give `why`")
        if self.batch is not None and (self.accumulate or 1) > self.batch:
            raise ValueError(f"a batch of {self.batch} cannot be cut into {self.accumulate} pieces")
        if any(scale <= 0 for scale in self.scales or ()):
            raise ValueError(f"scales must be positive: {self.scales}")
        return self

    def fields(self) -> dict[str, Any]:
        """Every field but the reason."""
        return self.model_dump(exclude={"why"})

    def departures(self) -> dict[str, Any]:
        """The fields that are set."""
        return {key: value for key, value in self.fields().items() if value is not None}

    def but(self, **departures: Any) -> "Recipe":
        """The same recipe with some fields changed; `why` gives the reason."""
        return Recipe(**{**self.model_dump(), **departures})

    def over(self, defaults: "Recipe", max_epochs: int | None = None) -> "Recipe":
        """This card's departures laid over a mix's whole recipe."""
        merged = {**defaults.fields(), **self.departures()}
        if max_epochs is not None:
            merged["epochs"] = min(merged["epochs"], max_epochs)
        return Recipe(**merged, why=self.why)


AS_RELEASED = Recipe(epochs=0, why="used as released, without training")


class Weights(BaseModel):
    """One file of pretrained weights that a method needs.

    Attributes:
        name: the name under which `load_pretrained` asks for it.
        files: file names looked for in the local weight store, in this order.
        hub: "owner/repository:file" on the model hub; empty where there is none.
        licence: licence of the weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    files: tuple[str, ...] = ()
    hub: str = ""
    licence: str


class Card(BaseModel):
    """What a method says of itself.

    Attributes:
        name: the row's key; folders are named after it.
        title: the row's name in tables.
        source: where it was published.
        code: address of the official code; empty where there is none.
        licence: licence of the official code.
        group: the block of the report that it stands in.
        mixes: the mixes that it runs on.
        prompt: what it is shown at test time; a point is drawn, `centre` is the deepest one.
        draws: prompt draws a case at test time.
        pretrained_on: datasets its weights have seen; meeting a test set here is flagged.
        weights: pretrained files that it needs.
        recipe: departures from the mix's recipe.
        unused: parameters without a gradient, with the reason.
        modality: trained on this modality of the mix alone; empty for all of them.
        base: the method that this one is a variant of; reports print the difference.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    title: str = Field(min_length=1)
    source: str
    code: str = ""
    licence: str
    group: Group = "main"
    mixes: tuple[Name, ...] = Field(min_length=1)
    prompt: Prompt = "none"
    draws: int = Field(1, ge=1)
    pretrained_on: frozenset[str] = frozenset()
    weights: tuple[Weights, ...] = ()
    recipe: Recipe = Recipe()
    unused: dict[str, str] = {}
    modality: str = ""
    base: Name | None = None

    @model_validator(mode="after")
    def _alone(self) -> Self:
        if (self.group == "single") != bool(self.modality):
            raise ValueError("group single and a modality belong together; give both or neither")
        return self

    def alone(self, modality: str, mixes: tuple[str, ...]) -> "Card":
        """The card of the same method, trained on one modality of each of these mixes alone."""
        about = {"name": f"{self.name}-{modality}", "title": f"{self.title}, {modality} alone"}
        more = {"group": "single", "modality": modality, "base": self.name, "mixes": mixes}
        return Card.model_validate({**self.model_dump(), **about, **more})
