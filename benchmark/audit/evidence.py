"""When a contradiction between two statements of a table counts as hard.

**Conventions**

1. A mark, a rank or an average contradicts the values only where it is meant as it was read: bold
   as the best, an average as the mean of these rows. The rest of the table has to show that.
2. A mark or a rank is on the right value by chance now and then: three others have to be right, and
   nine in ten of all (one may always deviate; of ranks an exchanged pair).
3. A mean is hit to the last digit by chance hardly ever: two others have to be right, and no fewer
   than deviate.
4. A finding without that evidence is «unlikely», and says what is missing.
5. In a table that names no metric nothing shows that its numbers are scores: no finding is hard.
   Nor is one in a file that shows that it is no table of results (`kind`).
"""

from dataclasses import replace

from benchmark.audit.finding import HARD, Finding, Outcome
from benchmark.audit.table import Table

COLUMNS = 3  # whose marks are right
ROWS = 3  # that are in place, or fit, or have names of their own
MEANS = 2  # that are right
SPARE = 10  # one in so many may deviate


def habit(right: int, wrong: int, least: int, free: int = 1) -> bool:
    """Whether a convention shows: enough examples, and few or one in ten deviate (Conventions, 2).

    Args:
        free: how many may deviate in any case.
    """
    return right >= least and wrong <= max(free, (right + wrong) // SPARE)


def majority(right: int, wrong: int, least: int) -> bool:
    """Whether enough examples show a convention, and no more deviate (Conventions, 3)."""
    return right >= least and wrong <= right


def softened(found: Finding, why: str) -> Finding:
    """The finding as «unlikely», with what the table does not show."""
    return replace(found, level="unlikely", arithmetic=f"{found.arithmetic}; not shown: {why}")


def of_scores(outcome: Outcome, table: Table) -> Outcome:
    """The outcome of a rule, without hard findings in what is no table of results (5)."""
    why = f"that this is a table of results ({table.unlike})" if table.unlike else ""
    if not set(table.columns) - {"score"}:
        why = "that the numbers are scores (no metric is named)"
    if not why:
        return outcome
    findings = [softened(f, why) if f.level in HARD else f for f in outcome.findings]
    return replace(outcome, findings=findings)
