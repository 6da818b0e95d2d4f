"""The command that makes a dataset of one's own known."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from benchmark.cli import options as o
from benchmark.core.files import DATASETS, PARAMS, Paths, project_root, shown
from benchmark.core.progress import Terminal

if TYPE_CHECKING:
    from benchmark.data.mask_rules import ListedCodes

app = typer.Typer()


def use(datasets: Path | None) -> None:
    """Makes another folder that of the own datasets, for this process."""
    if datasets is not None:
        os.environ[DATASETS] = str(datasets.expanduser().resolve())


@app.command("new-dataset")
def new_dataset(
    name: o.OwnName,
    source: o.OwnFrom = None,
    modality: o.Modality = None,
    images: o.ImagePatterns = None,
    masks: o.MaskPatterns = None,
    group: o.GroupPattern = None,
    lesion_codes: o.LesionCodes = None,
    background_codes: o.BackgroundCodes = None,
    seed: o.SplitSeed = 0,
    title: o.Title = "",
    licence: o.Licence = None,
    datasets: o.Datasets = None,
    write: o.WriteMix = False,
) -> None:
    """Proposes a dataset.yaml for your folder, and shows how it read the folder.

    Without --from it reads dataset.yaml again and draws a new contact sheet.
    """
    from benchmark.data import mix_entry
    from benchmark.data import new_dataset as own

    use(datasets)
    paths = Paths(project_root())
    if write:
        mix_entry.check_free(name, paths.root)
    root = paths.root.absolute()
    if source is None:
        said = (modality, images, masks, group, lesion_codes, background_codes, title, licence)
        if any(said):
            raise typer.BadParameter(
                "give --from DIR too. Without it only --write and --datasets work; "
                "dataset.yaml holds the rest"
            )
        looked = own.look_again(name, paths, Terminal())
    else:
        codes = codes_of(lesion_codes, background_codes)
        if modality is None:
            raise typer.BadParameter(
                "give --modality: fundus, colonoscopy, ultrasound or dermoscopy"
            )
        wanted = own.Wanted(modality, images or (), masks or (), group, codes, seed, title,
                            licence or own.NO_LICENCE)  # fmt: skip
        looked = own.new_dataset(name, source, wanted, paths, Terminal())
        typer.echo(f"wrote {shown(looked.at, root)}")
    typer.echo(f"wrote {shown(looked.at.with_name(own.SHEET), root)}: look at it in a browser")
    for line in looked.lines():
        typer.echo(line)
    looked.check_matched()
    entry = mix_entry.mix_entry(name, looked.row.title, paths.root / PARAMS)
    if write:
        mix_entry.write_entry(paths.root, mix_entry.with_entry(name, looked.row.title, paths.root))
    typer.echo(f"{f'wrote into {PARAMS}' if write else f'for {PARAMS}; --write writes it'}:")
    typer.echo(entry, nl=False)
    first = "" if write else f"mixseg new-dataset {name} --write && "
    typer.echo(f"next: {first}mixseg prepare --mix {name}")
    typer.echo(f"then: mixseg run --method METHOD --mix {name} (`mixseg list` names the methods)")


def codes_of(lesion: str | None, background: str | None) -> "ListedCodes | None":
    """Codes from two options; None where neither is given."""
    from benchmark.data import pointer_file

    try:
        return pointer_file.codes_of(lesion, background)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
