"""Predicates that no score decides: parameters, training cases, and what is left open."""

from itertools import pairwise

from benchmark.claims.quantity import Found, Quantity, whole
from benchmark.claims.spec import Cases, Count, Growing, Open, Verdict
from benchmark.statistics.results import MixResults


def count(results: MixResults, asked: Count, seeds: int) -> Found:
    """A number of parameters as it is printed."""
    found = results.parameters(asked.method)
    title = results.title(asked.method)
    if found is None:
        return _one(Quantity(title, "", "parameters", None, None, None, "not run", "no card"))
    digits = len(asked.printed.partition(".")[2].rstrip("M"))
    ours = f"{found / 1e6:.{digits}f}M"
    note = f"{ours} here, {asked.printed} in the paper"
    if asked.exactly is not None:
        note += f"; {asked.exactly:,} by arithmetic"
    fits = ours == asked.printed and asked.exactly in (None, found)
    verdict: Verdict = "supported" if fits else "contradicted"
    about = (title, "", "parameters", found, None, None)
    return _one(Quantity(*about, verdict, note, methods=(asked.method,)))


def growing(results: MixResults, asked: Growing, seeds: int) -> Found:
    """Each neighbour must have more parameters than the one before it, by a factor."""
    quantities = []
    for before, after in pairwise(asked.order):
        fewer, more = (results.parameters(name) for name in (before, after))
        title = results.title(after)
        verdict: Verdict = "not run"
        if fewer is None or more is None:
            note = f"{before if fewer is None else after} has no card"
        else:
            note = f"{results.title(before)} has {fewer:,}"
            note += f"; the claim needs more than {asked.times:g} times as many" * (asked.times > 1)
            verdict = "supported" if asked.times * fewer < more else "contradicted"
        value = None if verdict == "not run" else more
        about = (title, "", "parameters", value, None, None)
        quantities.append(Quantity(*about, verdict, note, methods=(before, after)))
    return Found(tuple(quantities), whole(quantities))


def training_cases(results: MixResults, asked: Cases, seeds: int) -> Found:
    """The number of training cases, on the mix that is meant."""
    if results.name != asked.mix:
        note = f"counted for {asked.mix} only"
        return _one(Quantity("training cases", "", "cases", None, None, None, "not run", note))
    sets = results.datasets.values()
    found = [each.get(split) for each in sets for split in ("train", "val")]
    counts = [count for count in found if isinstance(count, int)]
    if not counts or len(counts) < len(found):
        note = "the data of this mix is not described"
        return _one(Quantity("training cases", "", "cases", None, None, None, "not run", note))
    total = sum(counts)
    verdict: Verdict = "supported" if total == asked.exactly else "contradicted"
    note = f"{asked.exactly:,} are stated"
    return _one(Quantity("training cases", "", "cases", total, None, None, verdict, note))


def left_open(results: MixResults, asked: Open, seeds: int) -> Found:
    """What is left open, with the parameters of its method."""
    count = results.parameters(asked.method) if asked.method else None
    quantities: tuple[Quantity, ...] = ()
    if count is not None:
        about = (results.title(asked.method), "", "parameters", count, None, None)
        quantities = (Quantity(*about, asked.verdict, asked.reads, methods=(asked.method,)),)
    return Found(quantities, asked.verdict, asked.reads, asked.why)


def _one(quantity: Quantity) -> Found:
    return Found((quantity,), quantity.verdict)
