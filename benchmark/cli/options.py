"""Options that commands share, and the longer ones."""

from pathlib import Path
from typing import Annotated, Literal

import typer

MixName = Annotated[str, typer.Option("--mix", help="A mix of params.yaml.")]
MaybeMix = Annotated[str | None, typer.Option("--mix", help="A mix of params.yaml.")]
MethodName = Annotated[str, typer.Argument(help="A method, as `mixseg list` names it.")]
MaybeMethodName = Annotated[str | None, typer.Argument(help="A method; all unless told.")]
NewName = Annotated[str, typer.Argument(help="Name of the new method.")]
MaybeMethod = Annotated[str | None, typer.Option("--method", help="A method.")]
MaybeSeed = Annotated[int | None, typer.Option("--seed", help="A seed of the mix.")]
MaybeDataset = Annotated[str | None, typer.Option("--dataset", help="One dataset.")]
Folder = Annotated[
    Path | None, typer.Option("--from", help="Folder with images/ and masks/, or of such folders.")
]
Download = Annotated[bool, typer.Option("--download", help="Fetch what is missing.")]
Record = Annotated[Path | None, typer.Option("--record", help="Write what is here as JSON.")]
Every = Annotated[bool, typer.Option("--all", help="Every run (of a mix, of a method).")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Runs at once, with --all.")]
Executor = Annotated[Literal["local"], typer.Option("--executor", help="Who executes them.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, help="CPU threads of torch; 0 leaves them.")
]
Compile = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="torch.compile; on a GPU unless told.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Forget the checkpoint.")]
Again = Annotated[bool, typer.Option("--restart", help="Measure again.")]
Trusted = Annotated[Literal["maps", "weights"], typer.Option("--from", help="What is trusted.")]
FromResults = Annotated[Path | None, typer.Option("--from", help="Another results folder.")]
ToFolder = Annotated[Path | None, typer.Option("--to", help="Another folder to write to.")]
Part = Annotated[
    Literal["headline", "ablations"] | None, typer.Option("--part", help="Both unless told.")
]
Method = Annotated[str, typer.Option("--method", help="A method.")]
ToTune = Annotated[
    str,
    typer.Option("--set", help="FIELD=V1,V2,... of the recipe, or a number of the class."),
]
Images = Annotated[Path, typer.Option("--images", help="Folder of images.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for masks, probabilities, overlays.")]
WeightsFile = Annotated[Path, typer.Option("--weights", help="A run's weights.safetensors.")]
Size = Annotated[
    int | None,
    typer.Option("--size", min=16, help="Side in pixels; as in training unless told."),
]
OfficialFile = Annotated[
    Path, typer.Argument(help="Official weights: .pth, .pt, .npz or .safetensors.")
]
ToFile = Annotated[
    Path | None,
    typer.Option("--to", help="Another file than weights/imported/<method>.safetensors."),
]
ImportSize = Annotated[
    int | None, typer.Option("--size", min=16, help="Side in pixels; 352 unless told.")
]
BenchName = Annotated[
    str,
    typer.Argument(
        help="What to measure: data, networks, statistics, or a folder of methods with a bench.py."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
