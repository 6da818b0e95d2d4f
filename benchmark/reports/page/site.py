"""A static site of the reports and the documentation, for any host of files."""

import os
import re
import shutil
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from urllib.parse import unquote

from benchmark.core.errors import MissingDataError, StoreError
from benchmark.core.files import write_atomic, write_text
from benchmark.reports.page.markdown import page
from benchmark.reports.page.render import render

FIRST = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
MARK = ".mixseg-site"  # in a folder that this wrote, and that it may replace
GALLERY = "gallery.html"
KICKER = '<p class="kicker">'
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.I)


@dataclass
class _Site:
    """What is being written.

    Attributes:
        wanted: pages of the project that a link asked for and that are not written yet.
        done: the pages that are written.
    """

    root: Path
    to: Path
    wanted: list[Path] = field(default_factory=list)
    done: set[Path] = field(default_factory=set)

    def pages(self) -> None:
        """Writes the pages, and every file of the project that they link to."""
        self.wanted += [self.root / name for name in FIRST if (self.root / name).is_file()]
        self.wanted += sorted((self.root / "docs").glob("*.md"))
        while self.wanted:
            source = self.wanted.pop()
            if source not in self.done:
                self.done.add(source)
                self._page(source)

    def address(self, source: Path) -> Path:
        """Where the page of a file lies; the README of the project is the first page."""
        inside = source.relative_to(self.root)
        return Path("index.html") if inside == Path("README.md") else inside.with_suffix(".html")

    def _page(self, source: Path) -> None:
        here = self.address(source)
        found = page(
            source.read_text(encoding="utf-8"),
            lambda href: self._link(source, here, href),
            lambda src: self._picture(source, src),
        )
        up = "../" * (len(here.parts) - 1)
        text = render("page.html", page=found, up=up)
        write_text(self.to / here, text)

    def _link(self, source: Path, here: Path, href: str) -> str:
        """The address of a link; what it points to joins the site."""
        if OUTSIDE.match(href) or href.startswith("#"):
            return href
        name, _, anchor = href.partition("#")
        target = _inside(self.root, source, name)
        if target.is_dir():
            target = self._folder(target)
        if target.suffix == ".md":
            self.wanted.append(target)
            there = self.address(target)
        else:
            there = target.relative_to(self.root)
            if there.parts[0] != "reports":  # those are copied whole
                self._copy(target, there)
        link = os.path.relpath(there, here.parent)
        return f"{link}#{anchor}" if anchor else link

    def _folder(self, folder: Path) -> Path:
        """What stands for a folder: its README, or a list of its files."""
        readme = folder / "README.md"
        if readme.is_file():
            return readme
        inside = folder.relative_to(self.root)
        names = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
        lines = [f"- [{each.name}]({each.name})" for each in names]
        text = "\n".join([f"# {inside.as_posix()}", "", *lines, ""])
        index = self.to / inside / "index.html"
        if not index.exists():
            found = page(text, lambda href: href, lambda src: src)
            write_text(index, render("page.html", page=found, up="../" * len(inside.parts)))
            for each in names:
                self._copy(each, inside / each.name)
        return folder / "index.html"

    def _copy(self, source: Path, inside: Path) -> None:
        target = self.to / inside
        if not target.exists() and source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def _picture(self, source: Path, src: str) -> str:
        """A picture inside the page itself, which fetches nothing."""
        data = _inside(self.root, source, src).read_bytes()
        return f"data:image/{Path(src).suffix[1:]};base64,{b64encode(data).decode()}"

    def reports(self) -> int:
        """Copies the reports without their galleries; how many there are."""
        folder = self.root / "reports"
        found = sorted(path.parent for path in folder.glob("*/index.html"))
        for each in found:  # a page may have written its tables there already
            target = self.to / "reports" / each.name
            skipped = shutil.ignore_patterns(GALLERY, ".*")
            shutil.copytree(each, target, ignore=skipped, dirs_exist_ok=True)
            write_text(target / GALLERY, render("no_gallery.html", mix=each.name))
        over = folder / "index.html"
        self.to.joinpath("reports").mkdir(exist_ok=True)
        shutil.copyfile(over, self.to / "reports" / "index.html")
        for path in sorted((self.to / "reports").rglob("*.html")):
            up = "../" * len(path.parent.relative_to(self.to).parts)
            text = path.read_text(encoding="utf-8")
            write_text(path, text.replace(KICKER, f"{_bar(up)}\n{KICKER}", 1))
        return len(found)


def _inside(root: Path, source: Path, name: str) -> Path:
    """The file that a link of a page points to.

    Raises: MissingDataError if there is none, or it lies outside the project.
    """
    target = (source.parent / unquote(name)).resolve()
    if not target.exists() or not target.is_relative_to(root):
        raise MissingDataError(
            source, f"a link to {name}", "a file of the project", "Correct the link."
        )
    return target


def _bar(up: str) -> str:
    """The way back to the other parts of the site."""
    links = (("index.html", "MixSeg"), ("reports/index.html", "Reports"),
             ("docs/README.html", "Documentation"))  # fmt: skip
    parts = " ".join(f'<a href="{up}{href}">{escape(text)}</a>' for href, text in links)
    return f'<nav class="also" aria-label="Site">{parts}</nav>'


def write_site(root: Path, to: Path) -> Iterator[str]:
    """Writes the site in place of an older one, and tells what it wrote.

    Raises: MissingDataError if there is no reports/index.html or a link leads nowhere, StoreError
        if the folder holds anything but a site.
    """
    root = root.resolve()
    if not (root / "reports" / "index.html").is_file():
        raise MissingDataError(
            root / "reports" / "index.html", "no file", "the page over all mixes",
            "Run `mixseg report`, which writes it and every report.",
        )  # fmt: skip
    if to.exists() and not (to / MARK).is_file():
        raise StoreError(
            to, "a folder that no site was written to", "an older site, or nothing",
            "Move it, or name another folder with --to; nothing was written.",
        )  # fmt: skip
    with write_atomic(to) as folder:
        folder.mkdir()
        write_text(folder / MARK, "Written by `mixseg site`, which replaces this folder.\n")
        write_text(folder / ".nojekyll", "")
        site = _Site(root, folder)
        site.pages()
        reports = site.reports()
    yield f"wrote {to}: {len(site.done)} pages and {reports} reports; open {to / 'index.html'}"
