"""The place that artefacts are shared through: a folder, SSH or S3, as DVC's settings name it."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmark.core.errors import MissingDataError, ParamsError
from benchmark.core.files import check_writable, project_root

NAME = "artefacts"
# What a kind of address needs besides DVC, and the extra of this project that brings it.
PACKAGES = {"s3": ("dvc_s3", "s3"), "ssh": ("dvc_ssh", "ssh")}
KINDS = "a folder, ssh://HOST/PATH or s3://BUCKET/PATH"
OBJECTS = ("mixseg", "sha256")
ADVICE = re.compile("`(dvc|mixseg) pull")


@dataclass(frozen=True)
class Remote:
    """A file system of DVC, and the path in it below which the files lie by digest."""

    url: str
    fs: Any
    path: str

    def file(self, sha256: str) -> str:
        """Where the file with a digest lies."""
        return str(self.fs.join(self.path, *OBJECTS, sha256[:2], sha256[2:]))

    @property
    def in_one_go(self) -> bool:
        """True where a file appears whole or not at all, as in S3."""
        return bool(self.fs.protocol == "s3")


def set_up(root: Path, url: str, *, endpoint: str | None = None, share: bool = False) -> Path:
    """Makes an address the default remote of the project, after it was reached once.

    Args:
        endpoint: address of the server, for S3 that is not Amazon's.
        share: write to .dvc/config, which Git keeps, instead of .dvc/config.local.
    Returns: the file that was written.

    Raises: ParamsError for an address of another kind or with a secret in it, MissingDataError if
        it cannot be reached or its package is not installed, StoreError for a folder that cannot be
        written to; nothing is written then.
    """
    _check(url, endpoint)
    options = {"url": url if "://" in url else str(Path(url).expanduser().absolute())}
    if endpoint:
        options["endpointurl"] = endpoint
    config = _config(root)
    config["remote"][NAME] = options
    config["core"]["remote"] = NAME
    _reach(_remote(config, NAME))
    level = "repo" if share else "local"
    with config.edit(level) as part:
        part["remote"][NAME] = options
        part["core"]["remote"] = NAME
    return Path(config.files[level])


def default_remote(root: Path) -> Remote:
    """The remote that DVC's settings name as the default.

    Raises: MissingDataError if none is set, or its package is not installed.
    """
    config = _config(root)
    name = config["core"].get("remote")
    if not name or name not in config["remote"]:
        raise MissingDataError(
            root / ".dvc" / "config", "no default remote", "one", "Set one up: `mixseg remote URL`."
        )
    return _remote(config, name)


def with_remote(line: str) -> str:
    """A line for the user; one that advises a pull also says if no remote is set here."""
    if not ADVICE.search(line) or _is_set(project_root()):
        return line
    return f"{line} No remote is set here: set one up with `mixseg remote URL` before a pull."


def _is_set(root: Path) -> bool:
    try:
        config = _config(root)
    except MissingDataError:
        return False
    return config["core"].get("remote") in config["remote"]


def _check(url: str, endpoint: str | None) -> None:
    """Raises: ParamsError."""
    parts = urlsplit(url)
    for given in (parts, urlsplit(endpoint or "")):
        if given.scheme and (given.password is not None or given.query):
            raise ParamsError(
                "the address of the remote", "a password or a key in it", "an address alone",
                "SSH takes keys from the agent or ~/.ssh, S3 from the environment or ~/.aws.",
            )  # fmt: skip
    if parts.scheme not in ("", *PACKAGES) or (parts.scheme and not parts.netloc):
        raise ParamsError(f"remote {url!r}", "another kind of address", KINDS, "Name one of these.")
    if re.match(r"[\w.-]+@[\w.-]+:", url):  # of scp, which reads like a folder
        raise ParamsError(f"remote {url!r}", "an address of scp", KINDS, "Write ssh://HOST/PATH.")
    if endpoint and parts.scheme != "s3":
        raise ParamsError("--endpoint", f"the remote {url!r}", "one of S3", "Leave it out.")


def _config(root: Path) -> Any:
    """The settings of DVC.

    Raises: MissingDataError if the project has none.
    """
    from dvc.config import Config

    if not (root / ".dvc").is_dir():
        raise MissingDataError(
            root, "no folder .dvc", "a project of DVC", "Run `dvc init` there (or `git clone`)."
        )
    return Config(dvc_dir=str(root / ".dvc"))


def _remote(config: Any, name: str) -> Remote:
    from dvc.fs import get_cloud_fs

    url = str(config["remote"][name]["url"])
    kind = urlsplit(url).scheme
    package, extra = PACKAGES.get(kind, ("", ""))
    if package and find_spec(package) is None:
        raise MissingDataError(
            f"remote {url}", f"no package {package.replace('_', '-')}", f"it, for {kind}://",
            f"Install it: pip install -e '.[{extra}]'.",
        )  # fmt: skip
    cls, options, path = get_cloud_fs(config, name=name)
    return Remote(url, cls(**options), path)


def _reach(remote: Remote) -> None:
    """Looks into the place; a folder below one that is there is made at the first push.

    Raises: MissingDataError, StoreError for a folder that cannot be written to.
    """
    if remote.fs.protocol == "local":
        check_writable(Path(remote.path))
        return
    try:
        remote.fs.fs.ls(remote.path.split("/")[0] or "/")  # the bucket, or the root of the host
    except Exception as error:  # each kind of server has errors of its own
        cause = " ".join(str(error).split()) or type(error).__name__
        raise MissingDataError(
            f"remote {remote.url}", f"it cannot be reached ({cause})", KINDS,
            "Look at the address, the keys and the network; nothing was written.",
        ) from error  # fmt: skip
