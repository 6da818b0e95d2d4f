"""The command `mixseg`, which is also `python -m benchmark`."""

import signal
import sys
import traceback
import warnings
from types import FrameType

INTERRUPTED, TERMINATED = 130, 143


def main() -> None:
    """Runs one command; an error is one line, its traceback is shown with --debug."""
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    signal.signal(signal.SIGTERM, _on_term)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else Ctrl-C is ignored
        signal.signal(signal.SIGINT, _on_interrupt)
    # timm and smp use a part of torch that will go; nobody who runs a command can do anything.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.jit")
    try:
        status = _run()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        if not _interrupts:
            _say(_line(error))
        status = 1
    # Some libraries turn a Ctrl-C that meets them into an error of their own.
    if status == INTERRUPTED or _interrupts:
        status = INTERRUPTED
        _say("interrupted; the same command goes on where this one stopped")
    sys.exit(status)


def _run() -> int:
    import typer

    from benchmark.cli.app import command

    try:
        result = command().main(standalone_mode=False, prog_name="mixseg")
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except typer.Exit as error:
        return error.exit_code
    except typer.TyperException as error:
        error.show()  # type: ignore[attr-defined]  # its only kind is a usage error
        return int(error.exit_code)
    return result if isinstance(result, int) else 0  # Typer turns Ctrl-C into INTERRUPTED


def _line(error: Exception) -> str:
    from benchmark.artefacts.remotes import with_remote
    from benchmark.core.errors import MixSegError

    if isinstance(error, MixSegError):
        return f"error: {with_remote(str(error))}"
    problem = " ".join(str(error).split()) or "no message"
    return f"error: {type(error).__name__}: {problem} (run again with --debug for the traceback)"


_interrupts: list[int] = []


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    _interrupts.append(number)
    raise KeyboardInterrupt


def _on_term(number: int, frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _say(line: str) -> None:
    """Writes one line; a terminal gets it in lines that end between words."""
    if sys.stderr.isatty():
        from benchmark.core.text import wrapped

        line = wrapped(line)
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()
