"""What a node of a Ray cluster does: it makes a project of its own, and one run in it.

The node needs no disk of ours: code comes as Ray's working directory, the prepared mix and the
weights from the object store. What the run writes goes back in pieces, each a dictionary: "host",
"far" (how far it is), "checkpoint", "cause" (why it failed) or "files" (of a finished run).
"""

import contextlib
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from benchmark.core.errors import StoreError
from benchmark.core.files import Paths, read_json, write_atomic
from benchmark.runs.executors.kit.child import Child
from benchmark.runs.identity import RunSpec
from benchmark.runs.settings import ORDERED_RUN, RunOptions
from benchmark.runs.store import CHECKPOINT, PROGRESS, RunDirectory, run_directory

PROJECT = "project"  # in the working directory: params.yaml and the folders of methods
SECONDS = 1.0  # between two looks at a run
WAIT = 30.0  # for a run of a driver that is gone to end
Files = dict[str, np.ndarray]  # path or name to its bytes


@dataclass(frozen=True)
class Parcel:
    """A run with all that a node needs, besides the code.

    Attributes:
        key: digest of code and data; runs of one key share a project on a node.
        shared: references to `Files`, paths in the project, each fetched once a node.
        run: digest of the run.
        every: seconds between two checkpoints that go back.
        seconds: after which the run is stopped.
    """

    key: str
    shared: tuple[Any, ...]
    spec: RunSpec
    run: str
    options: RunOptions
    every: float
    seconds: int | None


def bytes_of(path: Path) -> np.ndarray:
    """The bytes of a file, uint8 (n,)."""
    return np.fromfile(path, np.uint8)


def put(files: Mapping[str, np.ndarray], folder: Path) -> None:
    """Writes files below a folder."""
    for name, value in files.items():
        with write_atomic(folder / name) as temporary:
            value.tofile(temporary)


def own_folder(node: str) -> Path:
    """The folder of a node on its own disk, which no other user can write to.

    Raises: StoreError if somebody else made it.
    """
    base = Path(tempfile.gettempdir()) / f"mixseg-ray-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.getuid():
        raise StoreError(base, "a folder of another user", "your own", "Set TMPDIR to another.")
    return base / node[:16]


def project_of(parcel: Parcel, node: str) -> Path:
    """The root of the node's project; what it lacks is written first."""
    import ray

    base = own_folder(node) / parcel.key[:16]
    root = base / PROJECT
    base.mkdir(parents=True, exist_ok=True)
    with FileLock(base / "lock"):
        if not (base / "code").is_file():
            shutil.copytree(Path.cwd() / PROJECT, root, dirs_exist_ok=True)
            (base / "code").touch()
        for shared in parcel.shared:
            mark = base / shared.hex()
            if not mark.is_file():
                put(ray.get(shared), root)
                mark.touch()
    return root


def remove(key: str) -> None:
    """Removes the project of a key from the node that this is called on."""
    import ray

    node = ray.get_runtime_context().get_node_id()
    shutil.rmtree(own_folder(node) / key[:16], ignore_errors=True)


def work(parcel: Parcel, sent: Files) -> Iterator[dict[str, Any]]:
    """Makes a run on this node, from where what was sent of it had come to; gives what it writes.

    Args:
        sent: files of the run's folder in the store.
    """
    import ray

    yield {"host": socket.gethostname()}
    root = project_of(parcel, ray.get_runtime_context().get_node_id())
    paths = Paths(root)
    directory = run_directory(paths.store, parcel.run)
    _clear(paths, parcel.spec, directory)
    put(sent, directory.folder)
    more = {
        "PYTHONPATH": os.pathsep.join((str(root), str(Path.cwd()))),
        "MIXSEG_WEIGHTS": str(root / "weights"),
        ORDERED_RUN: parcel.run,
    }
    child = Child(root, parcel.spec, parcel.options, more, parcel.seconds)
    causes: list[str] = []
    thread = threading.Thread(target=lambda: causes.append(child.wait()), daemon=True)
    thread.start()
    try:
        yield from _follow(thread, directory, parcel.every)
        if causes and not causes[0]:
            names = [*directory.done(), "done.json"]
            yield {"files": {name: bytes_of(directory.folder / name) for name in names}}
        else:
            if directory.checkpoint.is_file():
                yield {"checkpoint": bytes_of(directory.checkpoint)}
            yield {"cause": causes[0] if causes else "it cannot be followed"}
    finally:
        child.end()
        thread.join(WAIT)
        _clear(paths, parcel.spec, directory)


def _follow(
    thread: threading.Thread, directory: RunDirectory, every: float
) -> Iterator[dict[str, Any]]:
    """How far a run is, and now and then its checkpoint, until its process ends."""
    path, progress = directory.folder / CHECKPOINT, directory.folder / PROGRESS
    last, kept, far = time.monotonic(), 0, None
    while thread.is_alive():
        thread.join(SECONDS)
        with contextlib.suppress(OSError):  # the run may end and take them away meanwhile
            if progress.is_file() and far != (now := read_json(progress)):
                far = now
                yield {"far": far}
            written = path.stat().st_mtime_ns if path.is_file() else 0
            if written > kept and time.monotonic() - last >= every:
                last, kept = time.monotonic(), written
                yield {"checkpoint": bytes_of(path)}


def _clear(paths: Paths, spec: RunSpec, directory: RunDirectory) -> None:
    """Takes away what an earlier try of a run left on this node."""
    until = time.monotonic() + WAIT
    while directory.busy() and time.monotonic() < until:
        time.sleep(SECONDS)
    folders = [directory.folder, paths.artefacts(spec.mix, spec.method, spec.seed)]
    folders += paths.results(spec.mix).glob(f"*/{spec.method}/seed-{spec.seed}")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
