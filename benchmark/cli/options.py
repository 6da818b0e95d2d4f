"""Options that commands share, and the longer ones."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

MixName = Annotated[str, typer.Option("--mix", help="A mix of params.yaml.")]
MaybeMix = Annotated[str | None, typer.Option("--mix", help="A mix of params.yaml.")]
MethodName = Annotated[str, typer.Argument(help="A method, as `mixseg list` names it.")]
Checked = Annotated[
    str | None,
    typer.Argument(
        metavar="METHOD|BASE",
        help="A method; with --pr, the branch that the request goes to (origin/main, or main).",
    ),
]
PullRequest = Annotated[bool, typer.Option("--pr", help="Check a pull request that adds rows.")]
MaybeMethodName = Annotated[str | None, typer.Argument(help="A method; default: all.")]
NewName = Annotated[str, typer.Argument(help="Name of the new method.")]
MaybeMethod = Annotated[str | None, typer.Option("--method", help="A method.")]
MaybeSeed = Annotated[int | None, typer.Option("--seed", help="A seed of the mix.")]
MaybeDataset = Annotated[str | None, typer.Option("--dataset", help="One dataset.")]
Folder = Annotated[
    Path | None,
    typer.Option("--from", help="Folder with images/ and masks/, or a folder of such folders."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Use a folder whose cases are not those of the dataset.")
]
LesionCodes = Annotated[
    str | None,
    typer.Option("--lesion-codes", help="With --from: mask values that are the lesion, 1,2."),
]
BackgroundCodes = Annotated[
    str | None, typer.Option("--background-codes", help="With --from: all other mask values, 0.")
]
OwnName = Annotated[str, typer.Argument(help="Name of the dataset.")]
OwnFrom = Annotated[Path | None, typer.Option("--from", help="Folder of images and masks.")]
Modality = Annotated[
    Literal["fundus", "colonoscopy", "ultrasound", "dermoscopy"] | None, typer.Option("--modality")
]
ImagePatterns = Annotated[
    list[str] | None,
    typer.Option("--images", help="Pattern of the images, 'scans/*.png'; may be repeated."),
]
MaskPatterns = Annotated[
    list[str] | None,
    typer.Option("--masks", help="Pattern of the masks, 'drawn/*_roi.png'; may be repeated."),
]
GroupPattern = Annotated[
    str | None, typer.Option("--group", help="Pattern of the patient in a name, '{group}_*'.")
]
SplitSeed = Annotated[int, typer.Option("--seed", min=0, help="Of the split.")]
Title = Annotated[str, typer.Option("--title", help="Title in tables; the name by default.")]
Licence = Annotated[str | None, typer.Option("--licence", help="Its licence.")]
Datasets = Annotated[
    Path | None,
    typer.Option("--datasets", help="Folder of your datasets, instead of data/own."),
]
WriteMix = Annotated[bool, typer.Option("--write", help="Add a mix of it to params.yaml.")]
Download = Annotated[bool, typer.Option("--download", help="Fetch what is missing.")]
Record = Annotated[
    bool, typer.Option("--record", help="Bring results/MIX/raw.json up to date; needs --mix.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Read every prepared file and compare it; write nothing.")
]
Every = Annotated[bool, typer.Option("--all", help="Every run (of a mix, of a method).")]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Runs at once, with --all.")]
Seed = Annotated[int, typer.Option("--seed", help="A seed of the mix.")]
Executor = Annotated[
    str, typer.Option("--executor", help="Where runs execute, with --all: local, slurm or ray.")
]
_RESOURCES, _SLURM, _RAY = "What one run gets, with --all", "Slurm", "Ray"
GpusPerRun = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-run",
        min=0,
        help="0, 1, or a fraction of a shared one.",
        rich_help_panel=_RESOURCES,
    ),
]
CpusPerRun = Annotated[
    float | None, typer.Option("--cpus-per-run", help="Cores.", rich_help_panel=_RESOURCES)
]
Memory = Annotated[float | None, typer.Option("--memory", help="GiB.", rich_help_panel=_RESOURCES)]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        help="At most, as 90m, 8h or 2d; then it is stopped, and resumes.",
        rich_help_panel=_RESOURCES,
    ),
]
Detach = Annotated[
    bool,
    typer.Option("--detach", help="Return when the runs are queued.", rich_help_panel=_SLURM),
]
Partition = Annotated[str | None, typer.Option("--partition", rich_help_panel=_SLURM)]
Account = Annotated[str | None, typer.Option("--account", rich_help_panel=_SLURM)]
Sbatch = Annotated[
    list[str] | None,
    typer.Option(
        "--sbatch",
        help="Further option of sbatch, KEY=VALUE; may be repeated.",
        rich_help_panel=_SLURM,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Of a Ray cluster, HOST:PORT or auto; else one is started here.",
        rich_help_panel=_RAY,
    ),
]
ReturnEvery = Annotated[
    float | None,
    typer.Option(
        "--return-every",
        min=0,
        help="Minutes between returned checkpoints; 5 unless told.",
        rich_help_panel=_RAY,
    ),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device")]
Threads = Annotated[
    int, typer.Option("--threads", min=0, help="CPU threads; 0 keeps the default of torch.")
]
Compile = Annotated[
    bool | None, typer.Option("--compile/--no-compile", help="torch.compile; on a GPU unless told.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Forget the checkpoint.")]
Retrain = Annotated[
    bool, typer.Option("--retrain", help="Train again where weights and maps of results are gone.")
]
Log = Annotated[
    Literal["tensorboard", "mlflow", "wandb"] | None,
    typer.Option("--log", help="Send loss and speed of each epoch to a tracker."),
]
Remeasure = Annotated[bool, typer.Option("--remeasure", help="Measure again.")]
StartFrom = Annotated[
    Literal["maps", "weights"],
    typer.Option("--start-from", help="Start from stored maps, or from stored weights."),
]
SuppliedMasks = Annotated[
    Path, typer.Option("--masks", help="Folder of masks or maps: DATASET/CASE.png, or CASE.png.")
]
RowName = Annotated[str, typer.Option("--name", help="What the tables call the row.")]
SuppliedSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Number of the training, if a row has several.")
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Cases without a file score 0.")
]
FromResults = Annotated[Path | None, typer.Option("--results", help="Another results folder.")]
Long = Annotated[bool, typer.Option("--long", help="One line for each.")]
MaybeGroup = Annotated[str | None, typer.Option("--group", help="One group of methods.")]
Since = Annotated[str, typer.Option("--since", help="The commit with the earlier code.")]
AdoptMix = Annotated[str, typer.Option("--mix", help="The mix of the short run.")]
ToFolder = Annotated[Path | None, typer.Option("--to", help="Another folder to write to.")]
Part = Annotated[
    Literal["headline", "ablations"] | None, typer.Option("--part", help="Both unless told.")
]
Method = Annotated[str, typer.Option("--method", help="A method.")]
ToTune = Annotated[
    str,
    typer.Option("--set", help="FIELD=V1,V2,... of the recipe, or a number of the class."),
]
Images = Annotated[
    Path,
    typer.Option("--images", help="Folder of images, or one; each of at most 89,478,485 pixels."),
]
Out = Annotated[Path, typer.Option("--out", help="Folder for masks, probabilities, overlays.")]
WeightsFiles = Annotated[
    list[Path],
    typer.Option("--weights", help="A run's weights.safetensors; with --uncertainty also several."),
]
Uncertainty = Annotated[
    bool,
    typer.Option(
        "--uncertainty",
        help="Also uncertainty maps: by dropout, or by several --weights as an ensemble.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option("--size", min=16, help="Side in pixels; as in training unless told."),
]
Heatmap = Annotated[
    bool,
    typer.Option(
        "--heatmap", help="Also NAME_heatmap.png: Seg-Grad-CAM of the decoder's last block."
    ),
]
OfficialFile = Annotated[
    Path,
    typer.Argument(help="Official weights: of PyTorch, .npz or .safetensors, under any name."),
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
        help="What to measure: data, growth, metrics, networks, statistics, or a folder of methods"
        " with a bench.py."
    ),
]
BenchSizes = Annotated[
    str | None,
    typer.Option("--sizes", help="Of growth: rows x seeds (x cases), such as 20x5,80x5x400."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RemoteUrl = Annotated[
    str, typer.Argument(metavar="URL", help="A folder, ssh://HOST/PATH or s3://BUCKET/PATH.")
]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", help="Address of an S3 server that is not Amazon's.")
]
Share = Annotated[
    bool, typer.Option("--share", help="Write .dvc/config, which Git keeps, for everyone.")
]
MixArgument = Annotated[str, typer.Argument(metavar="MIX", help="A mix of params.yaml.")]
WithWeights = Annotated[
    bool, typer.Option("--weights", help="Also the weights, which make the maps again.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Delete what is listed.")]


def seconds_of(text: str | None) -> int | None:
    """Seconds of a time such as 90m, 8h, 2d or 1d12h."""
    if text is None:
        return None
    parts = re.fullmatch(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", text.strip())
    units = (86400, 3600, 60, 1)
    found = [int(part or 0) for part in parts.groups()] if parts else []
    seconds = sum(count * unit for count, unit in zip(found, units, strict=False))
    if not seconds:
        raise typer.BadParameter(f"--time: {text!r} is no time such as 90m, 8h, 2d or 1d12h")
    return seconds
