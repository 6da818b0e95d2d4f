"""How much of a command's time goes into comparing files with their digests.

    PYTHONPATH=. python docs/time_checks.py MIX

Runs commands that read results of a mix, each in a process of its own under the profiler, and
prints the time inside the functions that compute or compare digests as a share of the whole.
"""

import io
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKS = ("benchmark/core/digests.py", "benchmark/core/recorded.py", "benchmark/data/manifest.py")


def share(words: list[str], profile: Path) -> tuple[float, float]:
    """Seconds of a command, and seconds of them inside `CHECKS`."""
    command = [sys.executable, "-m", "cProfile", "-o", str(profile), "-m", "benchmark", *words]
    subprocess.run(command, check=True, capture_output=True)
    stats = pstats.Stats(str(profile), stream=io.StringIO())
    checked = 0.0
    for (file, _, _), (_, _, _, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if file.endswith(CHECKS):
            # The time below a check counts once: where the caller is none itself.
            checked += sum(
                spent[3] for (caller, _, _), spent in callers.items() if not caller.endswith(CHECKS)
            )
    return stats.total_tt, checked  # type: ignore[attr-defined]


def main() -> None:
    mix = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        profile, to = Path(folder) / "profile", str(Path(folder) / "to")
        for words in (
            ["report", "--mix", mix, "--to", to],
            ["tables", "--mix", mix, "--to", f"{to}-tables"],
            ["claims", "--mix", mix],
            ["score", "--mix", mix],
        ):
            try:
                whole, checked = share(words, profile)
            except subprocess.CalledProcessError as error:
                sys.stdout.write(
                    f"{' '.join(words[:3])}: {error.stderr.decode().strip().splitlines()[-1]}\n"
                )
                continue
            sys.stdout.write(
                f"{words[0]}: {checked:.3f} of {whole:.2f} s, {100 * checked / whole:.2f} %\n"
            )


if __name__ == "__main__":
    main()
