"""Which part may import which (the arrows of the architecture)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

# Part: what it may import of ours, besides itself.
ARROWS = {
    "core": set(),
    "data": {"core"},
    "methods": {"core", "data"},
    "methods.conformance": {"core", "data", "evaluation", "methods", "training"},
    "training": {"core", "data", "methods"},
    "evaluation": {"core", "data", "methods", "statistics"},
    "artefacts": {"core", "methods", "runs"},
    "runs": {"core", "data", "evaluation", "methods", "training"},
    "statistics": {"core", "methods"},
    "analyses": {"core", "data", "evaluation", "methods", "reports", "runs", "statistics"},
    "audit": {"core"},
    "contribution": {"core", "methods", "runs", "statistics"},
    "claims": {"audit", "core", "data", "evaluation", "methods", "statistics"},
    "reports": {"claims", "core", "data", "evaluation", "methods", "statistics"},
    "speed": {
        "core",
        "data",
        "evaluation",
        "methods",
        "methods.conformance",
        "runs",
        "statistics",
        "training",
    },
}
# What `reports` may use of parts that would otherwise bring torch along.
OF_EVALUATION = {"maps", "overlays", "protocols", "metrics"}


def modules(path: Path) -> set[str]:
    """All that a file imports, with the name that is imported from a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imports(path: Path) -> set[str]:
    """What a file imports of `benchmark`, without that word."""
    found = modules(path)
    return {name.removeprefix("benchmark.") for name in found if name.startswith("benchmark.")}


def files(part: str) -> list[Path]:
    folder = ROOT / "benchmark" / part.replace(".", "/")
    own = [path for path in sorted(folder.glob("**/*.py")) if part_of(path) == part]
    assert own
    return own


def part_named(name: str) -> str:
    """The part that an imported name belongs to."""
    first = ".".join(name.split(".")[:2])
    return first if first in ARROWS else name.split(".")[0]


def part_of(path: Path) -> str:
    """The part that a file belongs to; the conformance kit is one of its own."""
    first, *rest = path.relative_to(ROOT / "benchmark").parts
    return f"{first}.{rest[0]}" if f"{first}.{rest[0]}" in ARROWS else first


@pytest.mark.parametrize("part", ARROWS)
def test_arrows(part: str) -> None:
    for path in files(part):
        targets = {part_named(name) for name in imports(path)} - {part}
        beyond = targets - ARROWS[part]
        assert not beyond, f"{path.relative_to(ROOT)} imports benchmark.{', '.join(sorted(beyond))}"


def test_no_part_needs_itself_through_others() -> None:
    left = dict(ARROWS)
    while left:
        free = [part for part, targets in left.items() if not targets & set(left)]
        assert free, f"a circle among {', '.join(sorted(left))}"
        for part in free:
            del left[part]


def test_the_modules_of_mmsnet_stand_alone() -> None:
    """Its parts, and those that it shares, are plain torch: only plugin.py knows the benchmark."""
    plugins = ("plugin.py", "bench.py")
    own = {path for path in ROOT.glob("mmsnet/**/*.py") if path.name not in plugins}
    found = own | {file for path in own for file in shared_files(path)}
    assert len(own) > 3
    assert len(found) > 8
    for path in found:
        assert not imports(path), f"{path.relative_to(ROOT)} imports benchmark"


def shared_files(path: Path) -> set[Path]:
    """The files of baselines/_shared that a file imports itself."""
    names = {name.split(".")[2] for name in modules(path) if name.startswith("baselines._shared.")}
    return {ROOT / "baselines" / "_shared" / f"{name}.py" for name in names}


def test_plugins_use_the_contract_alone() -> None:
    contract = {f"methods.{name}" for name in ("method", "losses", "layers", "weights")}
    plugins = [*ROOT.glob("baselines/*/*.py"), *ROOT.glob("mmsnet/**/plugin.py")]
    assert len(plugins) > 4
    for path in plugins:
        used = {".".join(name.split(".")[:2]) for name in imports(path)}
        beyond = used - contract - {"core.errors"}
        assert not beyond, f"{path.relative_to(ROOT)} imports benchmark.{', '.join(sorted(beyond))}"


def test_method_folders_share_code_through_shared_alone() -> None:
    """A relative import stays in its own folder; an absolute one must not reach another's."""
    paths = [*ROOT.glob("baselines/*/*.py"), *ROOT.glob("mmsnet/*.py")]
    assert len(paths) > 40
    for path in paths:
        own = ".".join(path.parent.relative_to(ROOT).parts)
        ours = {n for n in modules(path) if n.startswith(("baselines.", "mmsnet."))}
        beyond = {n for n in ours if not n.startswith((f"{own}.", "baselines._shared"))}
        assert not beyond, f"{path.relative_to(ROOT)} imports {', '.join(sorted(beyond))}"


def test_reports_and_claims_use_only_the_light_part_of_evaluation() -> None:
    for path in [*files("reports"), *files("claims")]:
        used = {n.split(".")[1] for n in imports(path) if n.startswith("evaluation.")}
        assert used <= OF_EVALUATION, path


@pytest.mark.parametrize(
    "module",
    ["benchmark.cli.app", "benchmark.core.params", "benchmark.methods.discover",
     "benchmark.runs.status",
     "benchmark.audit.audit", "benchmark.claims.judge", "benchmark.claims.reported",
     "benchmark.reports.page.document", "benchmark.statistics.table", "benchmark.runs.execute"],
)  # fmt: skip
def test_torch_is_imported_only_where_it_is_used(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_benchmark_names_no_method() -> None:
    plugins = ROOT.glob("baselines/*/plugin.py")
    names = {path.parent.name for path in plugins} | {"mmsnet"}
    assert len(names) > 2
    for path in (ROOT / "benchmark").glob("**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
        assert not names & texts, f"{path.relative_to(ROOT)} names {names & texts}"


def test_only_commands_and_progress_write_to_the_terminal() -> None:
    allowed = {"__main__.py", "progress.py", *(p.name for p in ROOT.glob("benchmark/cli/*.py"))}
    words = {"print", "sys.stdout", "sys.stderr", "typer.echo"}
    for path in (ROOT / "benchmark").glob("**/*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Name | ast.Attribute)]
        used = words & {ast.unparse(node) for node in nodes}
        assert not used or path.name in allowed, f"{path.relative_to(ROOT)} uses {used}"
