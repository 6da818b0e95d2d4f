"""Plain text: long lines are wrapped line by line, and lists stay lists."""

import pytest

from benchmark.core.text import wrapped


def test_each_line_is_wrapped_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    text = f"error: {'word ' * 12}\n  one: {'word ' * 12}\n  two: short"
    lines = wrapped(text).split("\n")
    assert max(map(len, lines)) <= 40
    assert [line for line in lines if line.startswith("  two")] == ["  two: short"]
    starts = [line for line in lines if line.startswith(("error", "  one", "  two"))]
    assert len(starts) == 3
    assert all(line.startswith("    ") for line in lines[lines.index(starts[1]) + 1 : -1])


def test_paths_and_addresses_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    address = "https://example.org/" + "a-" * 30
    assert address in wrapped(f"see {address} for more")
