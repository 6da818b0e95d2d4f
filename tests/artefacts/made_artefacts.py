"""A project with results and artefacts of bytes, and servers on loopback that share them."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from support import PARAMS

from benchmark.core.files import Paths, sha256_file, write_json

MIX, METHODS, SEEDS = "tiny", ("one", "two"), (0, 1)
NAMES = ("probs.npz", "weights.safetensors")
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def make(root: Path, size: int = 100_000) -> Paths:
    """Four runs with results and artefacts, each file of its own random bytes."""
    (root / ".dvc").mkdir(parents=True)
    (root / "params.yaml").write_text(PARAMS)
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    paths, rng = Paths(root), np.random.default_rng(0)
    for method in METHODS:
        for seed in SEEDS:
            folder = paths.artefacts(MIX, method, seed)
            folder.mkdir(parents=True)
            for name in NAMES:
                (folder / name).write_bytes(rng.bytes(size))
            record(paths, method, seed)
    return paths


def record(paths: Paths, method: str, seed: int) -> None:
    """Writes the run.json of a run, with the digests of its artefacts as they are."""
    folder = paths.artefacts(MIX, method, seed)
    files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
    run = f"{METHODS.index(method)}{seed}" * 32
    told = {"method": method, "seed": seed, "identity": {"run": run}, "files": files}
    write_json(paths.run(MIX, "main", method, seed) / "run.json", told)


def clone(paths: Paths, to: Path) -> Paths:
    """The project as Git would bring it: without artefacts, and with its remote."""
    shutil.copytree(paths.root, to, ignore=shutil.ignore_patterns("artefacts", "work"))
    return Paths(to)


def maps(paths: Paths) -> list[Path]:
    """Where the maps of the four runs belong."""
    return [paths.artefacts(MIX, m, s) / NAMES[0] for m in METHODS for s in SEEDS]


def same(ours: Paths, theirs: Paths) -> bool:
    """Whether the maps of two projects are the same bytes."""
    pairs = zip(maps(ours), maps(theirs), strict=True)
    return all(a.read_bytes() == b.read_bytes() for a, b in pairs)


class Sshd:
    """A server of SSH on loopback, with keys of its own in the home that the client is given."""

    def __init__(self, home: Path) -> None:
        self.home, keys = home, home / ".ssh"
        keys.mkdir(parents=True, mode=0o700)
        for name in ("host", "id_ed25519"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)]
            subprocess.run(command, check=True)
        shutil.copy(keys / "id_ed25519.pub", keys / "authorized_keys")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        kind, key, *_ = (keys / "host.pub").read_text().split()
        (keys / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")
        (keys / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {keys / 'host'}\n"
            f"AuthorizedKeysFile {keys / 'authorized_keys'}\nStrictModes no\nUsePAM no\n"
            f"PidFile none\nSubsystem sftp internal-sftp\n"
        )
        self.start()

    def start(self) -> None:
        """Starts it, in a group of processes of its own, and waits until it answers."""
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        command = [str(SSHD), "-D", "-e", "-f", str(self.home / ".ssh" / "sshd_config")]
        with (self.home / "sshd.log").open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, start_new_session=True)
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self.home / "sshd.log").read_text())

    def stop(self) -> None:
        """Ends it and its sessions at once."""
        sessions = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        ).stdout.split()
        for pid in [self.process.pid, *map(int, sessions)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    @property
    def url(self) -> str:
        return f"ssh://127.0.0.1:{self.port}{self.home / 'shared'}"


@contextmanager
def s3() -> Iterator[str]:
    """The address of a server of S3 with an empty bucket `runs`."""
    import boto3
    import requests
    from moto.server import ThreadedMotoServer

    playing = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    playing.start()
    try:
        host, port = playing.get_host_and_port()
        address = f"http://{host}:{port}"
        requests.post(f"{address}/moto-api/reset", timeout=10)  # it outlives its server
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket="runs")
        yield address
    finally:
        playing.stop()
