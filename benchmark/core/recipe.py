"""The recipe: how a method is trained; plain data, read without torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)]

# What the loop does where neither params.yaml nor a row says anything. A field added later gets the
# value that stands for the loop as it was, so that no finished run changes its identity.
DEFAULTS: dict[str, Any] = {
    "accumulate": 1,
    "scales": (1.0,),
    "momentum": 0.9,
    "nesterov": False,
    "step_epochs": 100,
    "step_gamma": 0.5,
    "warmup": 0,
    "clip": 0.0,
    "clip_value": 0.0,
    "equal_steps": False,
}


class Recipe(BaseModel):
    """How a method is trained.

    params.yaml gives every field that has no default; a row gives only what differs from it, with
    the reason.

    Attributes:
        epochs: passes over train and val together; 0 is a method used as released.
        batch: cases per optimiser step.
        accumulate: parts into which a batch is cut when it does not fit the device.
        scales: relative image sizes; each batch takes one optimiser step at each of them.
        lr, lr_end: learning rate at the start and at the end of the schedule.
        momentum, nesterov: for sgd only.
        step_epochs, step_gamma: for the schedule "step": every `step_epochs` epochs the learning
            rate is multiplied by `step_gamma`.
        warmup: steps of linear warm-up.
        clip, clip_value: largest norm of the gradient, largest value in it; 0 means no limit.
        equal_steps: for a row of a single modality: as many passes over its cases as make the steps
            that the whole mix takes in `epochs` passes; `benchmark.runs.equal_steps` counts them.
        hflip, vflip: probability of a mirror image.
        rotation_deg: rotations are drawn uniformly from plus or minus this angle.
        why: the reason for what differs.
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
    equal_steps: bool | None = None
    hflip: float | None = Field(None, ge=0, le=1)
    vflip: float | None = Field(None, ge=0, le=1)
    rotation_deg: float | None = Field(None, ge=0, le=180)
    why: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.deviations() and self.missing() and not self.why:
            raise ValueError(f"{', '.join(self.deviations())} without a reason; give `why`")
        if self.batch is not None and (self.accumulate or 1) > self.batch:
            raise ValueError(f"a batch of {self.batch} cannot be cut into {self.accumulate} parts")
        if any(scale <= 0 for scale in self.scales or ()):
            raise ValueError(f"scales must be positive: {self.scales}")
        return self

    def fields(self) -> dict[str, Any]:
        """Every field but the reason."""
        return self.model_dump(exclude={"why"})

    def deviations(self) -> dict[str, Any]:
        """The fields that are set."""
        return {key: value for key, value in self.fields().items() if value is not None}

    def missing(self) -> list[str]:
        """The fields that are not set and have no default."""
        return [k for k, v in self.fields().items() if v is None and k not in DEFAULTS]

    def whole(self) -> "Recipe":
        """The same recipe with the defaults in the fields that are not set."""
        return Recipe(**{**DEFAULTS, **self.deviations()}, why=self.why)

    def identity(self) -> dict[str, Any]:
        """The fields that differ from the defaults of the loop: what a run's identity holds."""
        given = self.whole().fields()
        return {k: v for k, v in given.items() if k not in DEFAULTS or v != DEFAULTS[k]}

    def but(self, **changes: Any) -> "Recipe":
        """The same recipe with some fields changed; `why` gives the reason."""
        return Recipe(**{**self.model_dump(), **changes})

    def over(self, defaults: "Recipe", max_epochs: int | None = None) -> "Recipe":
        """This row's deviations laid over a mix's recipe; whole."""
        merged = {**defaults.deviations(), **self.deviations()}
        if max_epochs is not None:
            merged["epochs"] = min(merged["epochs"], max_epochs)
        return Recipe(**merged, why=self.why or "the mix's recipe").whole().but(why=self.why)


AS_RELEASED = Recipe(epochs=0, why="used as released, without training")
