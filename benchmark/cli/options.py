"""Options that commands share, and the longer ones."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

MixName = Annotated[str, typer.Option("--mix", help="A mix of params.yaml.")]
MaybeMix = Annotated[str | None, typer.Option("--mix", help="Only this mix of params.yaml.")]
MethodName = Annotated[str, typer.Argument(help="A method, as `mixseg list` names it.")]
Checked = Annotated[
    str | None,
    typer.Argument(
        metavar="METHOD|BASE",
        help="Name of a method; with --pr, the target branch of the request, such as origin/main.",
    ),
]
PullRequest = Annotated[bool, typer.Option("--pr", help="Check a pull request that adds rows.")]
MaybeMethodName = Annotated[
    str | None, typer.Argument(help="Name of a method; default: all methods.")
]
NewName = Annotated[str, typer.Argument(help="Name of the new method.")]
MaybeMethod = Annotated[
    str | None, typer.Option("--method", help="Only this method, as `mixseg list` names it.")
]
MaybeSeed = Annotated[int | None, typer.Option("--seed", help="Only this seed of the mix.")]
MaybeDataset = Annotated[
    str | None, typer.Option("--dataset", help="Only this dataset of the catalog.")
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--from", help="Use your folder with images/ and masks/, or a folder of such folders."
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="With --from: point to a folder even if its cases are not those of the dataset.",
    ),
]
LesionCodes = Annotated[
    str | None,
    typer.Option("--lesion-codes", help="With --from: mask values that mean lesion, such as 1,2."),
]
BackgroundCodes = Annotated[
    str | None,
    typer.Option("--background-codes", help="With --from: all other mask values, such as 0."),
]
OwnName = Annotated[str, typer.Argument(help="Name of the dataset.")]
OwnFrom = Annotated[Path | None, typer.Option("--from", help="Folder with your images and masks.")]
Modality = Annotated[
    Literal["fundus", "colonoscopy", "ultrasound", "dermoscopy"] | None,
    typer.Option("--modality", help="Modality of the images."),
]
ImagePatterns = Annotated[
    list[str] | None,
    typer.Option("--images", help="Pattern of the images, such as 'scans/*.png'; may be repeated."),
]
MaskPatterns = Annotated[
    list[str] | None,
    typer.Option(
        "--masks", help="Pattern of the masks, such as 'drawn/*_roi.png'; may be repeated."
    ),
]
GroupPattern = Annotated[
    str | None,
    typer.Option("--group", help="Where a file name holds the patient, such as '{group}_*'."),
]
SplitSeed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the split.")]
Title = Annotated[str, typer.Option("--title", help="Title in tables; default: the name.")]
Licence = Annotated[str | None, typer.Option("--licence", help="Licence of the dataset.")]
Datasets = Annotated[
    Path | None,
    typer.Option("--datasets", help="Folder of your datasets; default: data/own."),
]
WriteMix = Annotated[
    bool, typer.Option("--write", help="Add a mix of this dataset to params.yaml.")
]
Download = Annotated[bool, typer.Option("--download", help="Download the missing datasets.")]
Record = Annotated[bool, typer.Option("--record", help="Update results/MIX/raw.json; needs --mix.")]
Check = Annotated[
    bool,
    typer.Option("--check", help="Compare every prepared file with its digest; write nothing."),
]
Every = Annotated[
    bool, typer.Option("--all", help="Every run that --mix, --method and --seed select.")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="With --all: number of runs at the same time.")
]
Seed = Annotated[int, typer.Option("--seed", help="A seed of the mix.")]
Executor = Annotated[
    str, typer.Option("--executor", help="With --all: where runs execute (local, slurm or ray).")
]
_RESOURCES, _SLURM, _RAY = "Resources of one run, with --all", "Slurm", "Ray"
GpusPerRun = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-run",
        min=0,
        help="GPUs: 0, 1, or a fraction of a shared GPU.",
        rich_help_panel=_RESOURCES,
    ),
]
CpusPerRun = Annotated[
    float | None, typer.Option("--cpus-per-run", help="CPU cores.", rich_help_panel=_RESOURCES)
]
Memory = Annotated[
    float | None, typer.Option("--memory", help="Memory in GiB.", rich_help_panel=_RESOURCES)
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        help="Time limit, such as 90m, 8h or 2d. A longer run stops and resumes.",
        rich_help_panel=_RESOURCES,
    ),
]
Detach = Annotated[
    bool,
    typer.Option("--detach", help="Return when the runs are queued.", rich_help_panel=_SLURM),
]
Partition = Annotated[
    str | None,
    typer.Option("--partition", help="Partition of the cluster.", rich_help_panel=_SLURM),
]
Account = Annotated[
    str | None, typer.Option("--account", help="Account to charge.", rich_help_panel=_SLURM)
]
Sbatch = Annotated[
    list[str] | None,
    typer.Option(
        "--sbatch",
        help="Another option of sbatch, as KEY=VALUE; may be repeated.",
        rich_help_panel=_SLURM,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Address of a Ray cluster: HOST:PORT or auto. Default: start one on this machine.",
        rich_help_panel=_RAY,
    ),
]
ReturnEvery = Annotated[
    float | None,
    typer.Option(
        "--return-every",
        min=0,
        help="Minutes between two returns of a checkpoint; default: 5.",
        rich_help_panel=_RAY,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option("--device", help="Where to compute; auto takes a GPU if there is one."),
]
Threads = Annotated[
    int, typer.Option("--threads", min=0, help="CPU threads; 0 keeps the default of PyTorch.")
]
Compile = Annotated[
    bool | None,
    typer.Option("--compile/--no-compile", help="Use torch.compile; default: only on a GPU."),
]
Restart = Annotated[
    bool, typer.Option("--restart", help="Start from the first step, and ignore the checkpoint.")
]
Retrain = Annotated[
    bool,
    typer.Option("--retrain", help="Train again if the weights and maps of a result are missing."),
]
Log = Annotated[
    Literal["tensorboard", "mlflow", "wandb"] | None,
    typer.Option("--log", help="Send the loss and speed of each epoch to this tracker."),
]
Remeasure = Annotated[
    bool, typer.Option("--remeasure", help="Measure again, even if a measurement exists.")
]
StartFrom = Annotated[
    Literal["maps", "weights"],
    typer.Option("--start-from", help="Start from stored maps, or from stored weights."),
]
SuppliedMasks = Annotated[
    Path,
    typer.Option(
        "--masks", help="Folder of masks or probability maps: DATASET/CASE.png, or CASE.png."
    ),
]
RowName = Annotated[str, typer.Option("--name", help="Name of the row in tables.")]
SuppliedSeed = Annotated[
    int, typer.Option("--seed", min=0, help="Number of the training, if there are several.")
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Give a case without a file the score 0.")
]
FromResults = Annotated[
    Path | None, typer.Option("--results", help="Read results from this folder; default: results.")
]
Long = Annotated[
    bool, typer.Option("--long", help="Print one line for each entry, with all details.")
]
MaybeGroup = Annotated[
    str | None, typer.Option("--group", help="Only this group of methods, such as main.")
]
Since = Annotated[str, typer.Option("--since", help="The commit with the earlier code.")]
AdoptMix = Annotated[str, typer.Option("--mix", help="The mix of the short run.")]
ToFolder = Annotated[
    Path | None, typer.Option("--to", help="Folder to write to; default: reports.")
]
Part = Annotated[
    Literal["headline", "ablations"] | None,
    typer.Option("--part", help="Only this part; default: both."),
]
Method = Annotated[
    str, typer.Option("--method", help="Name of a method, as `mixseg list` prints it.")
]
ToTune = Annotated[
    str,
    typer.Option(
        "--set", help="FIELD=V1,V2,...: a field of the recipe, or a numeric argument of the class."
    ),
]
Images = Annotated[
    Path,
    typer.Option(
        "--images", help="Folder of images, or one image, of at most 89,478,485 pixels each."
    ),
]
Out = Annotated[
    Path, typer.Option("--out", help="Folder for the masks, probability maps and overlays.")
]
WeightsFiles = Annotated[
    list[Path],
    typer.Option(
        "--weights", help="weights.safetensors of a run; with --uncertainty it may be repeated."
    ),
]
Uncertainty = Annotated[
    bool,
    typer.Option(
        "--uncertainty",
        help="Also write uncertainty maps: by dropout, or by an ensemble of several --weights.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size", min=16, help="Side of the network's input in pixels; default: as in training."
    ),
]
Heatmap = Annotated[
    bool,
    typer.Option(
        "--heatmap", help="Also write NAME_heatmap.png: Seg-Grad-CAM of the decoder's last block."
    ),
]
OfficialFile = Annotated[
    Path,
    typer.Argument(help="File of official weights: PyTorch, .npz or .safetensors, with any name."),
]
ToFile = Annotated[
    Path | None,
    typer.Option("--to", help="Write this file; default: weights/imported/METHOD.safetensors."),
]
ImportSize = Annotated[
    int | None,
    typer.Option("--size", min=16, help="Side of the network's input in pixels; default: 352."),
]
BenchName = Annotated[
    str,
    typer.Argument(
        help="What to measure: data, growth, metrics, networks, statistics, or a folder with a"
        " bench.py."
    ),
]
BenchSizes = Annotated[
    str | None,
    typer.Option("--sizes", help="Of growth: rows x seeds (x cases), such as 20x5,80x5x400."),
]
BenchOfficial = Annotated[
    Path | None,
    typer.Option(
        "--official",
        metavar="DIR",
        help="Of networks: compare training steps with the official repositories cloned into DIR."
        " This runs their code on your machine, with your rights: read it first.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RemoteUrl = Annotated[
    str, typer.Argument(metavar="URL", help="A folder, ssh://HOST/PATH or s3://BUCKET/PATH.")
]
Endpoint = Annotated[
    str | None, typer.Option("--endpoint", help="Address of an S3 server that is not Amazon's.")
]
Share = Annotated[
    bool,
    typer.Option(
        "--share", help="Write to .dvc/config, which Git keeps, so that everyone uses this remote."
    ),
]
MixArgument = Annotated[str, typer.Argument(metavar="MIX", help="A mix of params.yaml.")]
WithWeights = Annotated[bool, typer.Option("--weights", help="Also transfer the weights.")]
Yes = Annotated[bool, typer.Option("--yes", help="Delete the listed files.")]


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
