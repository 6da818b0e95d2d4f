"""Commands in processes of their own that start at once: a server imports torch and forks.

An import of torch takes two to four seconds of a core, and the tests run hundreds of commands. The
server imports only the packages of others. Each command imports the benchmark itself anew, so that
a test may change its code. The scripts of `write_scripts` are the clients; a command starts its own
processes through them too.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path

IMPORTED = (
    "torch", "torch._dynamo", "torch.distributed.fsdp", "torch.export", "numpy", "pandas",
    "scipy.ndimage", "scipy.spatial", "scipy.stats", "PIL.Image", "yaml", "pydantic.main",
    "pydantic.type_adapter", "typer._adapters", "filelock", "rich.progress", "rich.markdown",
    "jinja2", "safetensors.torch", "matplotlib.pyplot", "matplotlib.backends.backend_agg",
    "dvc.cli", "dvc.repo", "dvc.commands.repro", "dvc_data.index", "git", "pygit2",
    "dulwich.repo", "pathspec", "networkx",
)  # fmt: skip


def serve(address: str) -> tuple[str, list[str]] | None:
    """Forks a process for each request. It returns in that process, with module and words.

    The server itself ends, with None, when its own standard input ends.
    """
    for name in IMPORTED:
        with contextlib.suppress(ModuleNotFoundError):  # other versions have other modules
            importlib.import_module(name)
    gc.freeze()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return None
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listener.close()
                return _child(connection)
            connection.close()


def _child(connection: socket.socket) -> tuple[str, list[str]]:
    """Forks the command and stays to say how it ends; a client that is gone takes it along."""
    message, files, _, _ = socket.recv_fds(connection, 1 << 18, 3)
    child = os.fork()
    if child:
        for file in files:
            os.close(file)
        ends = os.pidfd_open(child)
        while ends not in select.select([ends, connection], [], [])[0]:
            asked_for = connection.recv(16)
            os.kill(child, int(asked_for or signal.SIGKILL))
            if not asked_for:
                break
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with contextlib.suppress(OSError):
            connection.send(str(status).encode())
        os._exit(0)
    connection.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    asked = json.loads(message)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    if "MIXSEG_PARENT" in os.environ:  # who must stay; this process is no child of the pool
        os.environ["MIXSEG_PARENT"] = str(os.getppid())
    sys.executable = asked["python"]
    above = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:] = [str(Path.cwd()), *filter(None, above), *sys.path]
    return asked["words"][0], asked["words"][1:]


CLIENT = """\
import json, os, signal, socket, sys
words = [*{first!r}, *sys.argv[1:]]
if words[0] != "-m":
    os.execv({real!r}, [{real!r}, *words])
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
    server.connect({address!r})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: server.send(str(number).encode()))
    asked = {{"folder": os.getcwd(), "environment": dict(os.environ), "words": words[1:],
              "python": {python!r}}}
    socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2])
    status = int(server.recv(16) or 1)
if status < 0:
    signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)
sys.exit(status)
"""


def write_scripts(folder: Path, address: str) -> None:
    """The scripts `mixseg`, `dvc` and `python`, which ask the server for `-m MODULE`."""
    python = str(folder / "python")
    for name, first in (("mixseg", ["-m", "benchmark"]), ("dvc", ["-m", "dvc"]), ("python", [])):
        text = CLIENT.format(address=address, first=first, python=python, real=sys.executable)
        # Neither `site` nor the environment: the client starts in a hundredth of a second.
        (folder / name).write_text(f"#!{sys.executable} -IS\n{text}")
        (folder / name).chmod(0o755)


def run(module: str, words: list[str]) -> int:
    """Runs a module as `python -m` does; its exit status."""
    sys.argv = [module, *words]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file
    called = serve(sys.argv[1])
    if called:
        status = run(*called)
        # The end of the interpreter would touch, and so copy, all memory of the server.
        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status & 0xFF)
