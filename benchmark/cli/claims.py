"""Commands that hold claims and printed numbers against scores and arithmetic."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from benchmark.cli import options as o
from benchmark.core.files import Paths, project_root

app = typer.Typer()

MaybeFile = Annotated[
    Path | None, typer.Argument(help="A reported.csv; default: those of all methods.")
]
TableFile = Annotated[
    Path, typer.Argument(metavar="FILE", help="The printed table: CSV, Markdown, HTML or LaTeX.")
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Also write the findings as a single HTML page.")
]
Shares = Annotated[
    list[str] | None,
    typer.Option(
        help="Foreground: a CSV with one row per test case (columns foreground and dataset; a"
        " scores.csv), or one share for all pixels, such as 0.05 or Kvasir=5% (several times)."
    ),
]
Cases = Annotated[
    list[str] | None,
    typer.Option("--n", help="Number of test cases: 100, or Kvasir=100; may be repeated."),
]
Spread = Annotated[
    float,
    typer.Option(
        "--case-sd", min=0.001, max=0.5, help="Assumed standard deviation of DSC over cases."
    ),
]
Alike = Annotated[
    float,
    typer.Option(
        "--correlation", min=0, max=0.999, help="Assumed correlation of two methods over cases."
    ),
]
Kind = Annotated[
    Literal["results"] | None,
    typer.Option("--treat-as", help="Treat the file as a table of results in any case."),
]
AllQuantities = Annotated[
    bool, typer.Option("--all", help="Print every quantity behind each verdict.")
]


@app.command()
def claims(
    mix: o.MaybeMix = None, source: o.FromResults = None, every: AllQuantities = False
) -> None:
    """Judges the claims of the papers by the scores of a mix; without --mix of every mix."""
    from benchmark.claims.judge import judge
    from benchmark.claims.spec import load_claims
    from benchmark.claims.text import claims_text
    from benchmark.statistics.results import read_mixes

    known = load_claims()
    for results in read_mixes(Paths(project_root(), source), mix):
        for line in results.warnings():
            typer.echo(line, err=True)
        typer.echo(claims_text(results.name, judge(known, results), every))
        typer.echo()


@app.command("check-reported")
def check_reported(
    file: MaybeFile = None, mix: o.MaybeMix = None, source: o.FromResults = None
) -> None:
    """Compares published numbers with ours, and names the protocols that would explain them.

    Metrics, data sets and methods may have their usual names, such as Dice, mDice or Kvasir-SEG. An
    unknown name is an error that gives the nearest known name.

    The exit status is 1 if a number of the same setting differs from ours by more than the
    tolerance.
    """
    from benchmark.claims import reported
    from benchmark.claims.text import reported_text
    from benchmark.evaluation.protocols import POOLED, PROTOCOLS
    from benchmark.methods import discover
    from benchmark.statistics.results import read_mixes

    root = project_root()
    methods = {card.name: card.title for card in discover.cards(root)}
    rows = reported.read_reported(root, file, methods)
    meanings = {name: about.title for name, about in (PROTOCOLS | POOLED).items()}
    out = 0
    for results in read_mixes(Paths(root, source), mix):
        for line in results.warnings():
            typer.echo(line, err=True)
        checked = reported.check_reported(rows, results)
        out += sum(each.verdict == "out of tolerance" for each in checked)
        typer.echo(reported_text(results.name, checked, rows, meanings))
    if out:
        typer.echo(f"{out} numbers of the same setting are out of tolerance", err=True)
        raise typer.Exit(1)


@app.command()
def audit(
    file: TableFile,
    to: Html = None,
    n: Cases = None,
    shares: Shares = None,
    case_sd: Spread = 0.15,
    correlation: Alike = 0.8,
    treat_as: Kind = None,
) -> None:
    """Finds impossible or inconsistent numbers in a printed table; needs no data and no model.

    The file holds one table as it is printed: CSV, Markdown, HTML or LaTeX.

    It has one row per method and dataset, with the printed digits:

        method,dataset,n,Dice,IoU,MAE,rank
        U-Net,Kvasir,100,0.818,**0.746**,0.055,2

    or one column per dataset and metric: method,Kvasir/dsc,Kvasir/iou. The dataset "average" holds
    stated averages. **best** and __second__ mark the best values. See docs/audit.md.

    The exit status is 1 if a number is impossible or contradicts the table. It is 0 for a file that
    is no table of results, such as a log, unless --treat-as results is given.
    """
    from benchmark.audit import audit as auditing
    from benchmark.core.files import write_text

    cases, together = auditing.parse_shares(shares or [])
    known = auditing.Known(auditing.parse_n(n or []), cases, case_sd, correlation, together)
    found = auditing.audit_file(file, known, insist=treat_as is not None)
    typer.echo(auditing.text(found))
    if to:
        write_text(to, auditing.html(found))
        typer.echo(f"\nwrote {to}")
    if not found.ok:
        raise typer.Exit(1)
