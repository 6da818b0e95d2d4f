"""Commands that move weights and maps between machines, and that free their disk."""

import typer

from benchmark.cli import options as o
from benchmark.core.files import Paths, project_root
from benchmark.core.progress import Terminal

app = typer.Typer()
MIB = 2**20


def _paths() -> Paths:
    return Paths(project_root())


@app.command()
def remote(url: o.RemoteUrl, endpoint: o.Endpoint = None, share: o.Share = False) -> None:
    """Sets the place where weights and maps are shared: a folder, SSH or S3.

    It stores no secret: SSH takes keys from the agent, S3 from the environment or ~/.aws.
    """
    from benchmark.artefacts.remotes import set_up

    paths = _paths()
    written = set_up(paths.root, url, endpoint=endpoint, share=share)
    kept = "commit it" if share else "Git does not keep it"
    typer.echo(f"artefacts are shared through {url}")
    typer.echo(f"wrote {written.relative_to(paths.root)} ({kept})")


@app.command()
def pull(mix: o.MixArgument, weights: o.WithWeights = False) -> None:
    """Fetches the probability maps of a mix from the remote; `mixseg score` needs them."""
    from benchmark.artefacts.travel import pull as move

    moved = move(_paths(), mix, Terminal(), weights=weights)
    rest = f"{moved.there} were here, {moved.missing} are not at the remote"
    _tell(f"pulled {_files(moved.files, moved.bytes)}; {rest}", moved.failed)


@app.command()
def push(mix: o.MixArgument, weights: o.WithWeights = False) -> None:
    """Sends the probability maps of a mix to the remote."""
    from benchmark.artefacts.travel import push as move

    moved = move(_paths(), mix, Terminal(), weights=weights)
    rest = f"{moved.there} were there, {moved.missing} are not here"
    _tell(f"pushed {_files(moved.files, moved.bytes)}; {rest}", moved.failed)


def _files(count: int, size: int) -> str:
    return f"{count} files, {size / MIB:.1f} MiB"


def _tell(line: str, failed: list[str]) -> None:
    for cause in failed:
        typer.echo(f"FAILED  {cause}", err=True)
    typer.echo(line)
    if failed:
        raise typer.Exit(1)


@app.command()
def gc(yes: o.Yes = False, long: o.Long = False) -> None:
    """Lists files that no result needs, with their size; --yes deletes them."""
    from benchmark.artefacts.gc import delete, summary, unused

    paths = _paths()
    found = unused(paths)
    if not found:
        typer.echo("every file belongs to a result; there is nothing to delete")
        return
    typer.echo(summary(paths, found, long=long))
    if not yes:
        typer.echo("nothing was deleted; `mixseg gc --yes` deletes it")
        return
    with Terminal().task("deleting", len(found), "entries") as task:
        gone = []
        for one in delete(paths, found):
            gone.append(one)
            task.advance()
    freed = sum(one.bytes for one in gone)
    typer.echo(f"deleted {len(gone)} of {len(found)} entries, {freed / MIB:.1f} MiB")
