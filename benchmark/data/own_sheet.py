"""The contact sheet of a dataset of one's own: one page, without any other file."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
from PIL import Image

from benchmark.data.contact_sheet import SIDE, outlined
from benchmark.data.folders import RawCase
from benchmark.data.images import Case

NAMED = 50  # files of a list
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 75rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
.pairs { display: grid; gap: 1.5rem 1rem; padding: 0; list-style: none;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); }
figure { margin: 0; }
figure div { display: grid; grid-template-columns: 1fr 1fr; gap: .25rem; }
img { width: 100%; height: auto; display: block; }
figcaption { font-size: .875rem; }
"""


def page(
    title: str,
    facts: Mapping[str, str],
    shown: Sequence[tuple[RawCase, Case]],
    unmatched: Mapping[str, Sequence[str]],
) -> str:
    """The HTML of a contact sheet; every text is escaped.

    Args:
        facts: what was understood, by what it is about.
        shown: cases with their pixels, as networks get them.
        unmatched: files by what is the matter with them.
    """
    head = f"{escape(title)}: what was understood"
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items())
    pairs = "".join(_pair(case, pixels) for case, pixels in shown)
    lists = "".join(_list(what, files) for what, files in unmatched.items() if files)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{head}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{STYLE}</style>\n<h1>{head}</h1>\n<dl>{rows}</dl>\n"
        f"<h2>What could not be matched</h2>\n{lists or '<p>Nothing.</p>'}\n"
        f"<h2>Images and masks</h2>\n<p>Pictures are squashed to a square, as networks get them. "
        "Left: the image with the outline of its mask. Right: the mask; white is the lesion.</p>\n"
        f'<ul class="pairs">{pairs}</ul>\n</html>\n'
    )


def _pair(case: RawCase, pixels: Case) -> str:
    name, split = escape(case.case), escape(case.split or "not used")
    drawn = outlined(pixels.image, pixels.mask, SIDE)
    images = (
        (_uri(drawn, "JPEG"), f"image {name}"),
        (_uri(pixels.mask * np.uint8(255), "PNG"), f"mask of {name}"),
    )
    both = "".join(
        f'<img src="{uri}" width="{SIDE}" height="{SIDE}" alt="{alt}">' for uri, alt in images
    )
    said = f"{name} ({split}" + (
        f", group {escape(case.group)})" if case.group != case.case else ")"
    )
    covered = f"{pixels.mask.mean():.1%} lesion"
    return f"<li><figure><div>{both}</div><figcaption>{said}: {covered}</figcaption></figure></li>"


def _uri(pixels: np.ndarray, form: str) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def _list(what: str, files: Sequence[str]) -> str:
    return f"<h3>{escape(what)}: {len(files)}</h3>\n<ul>{_items(files)}</ul>\n"


def _items(files: Sequence[str]) -> str:
    shown: Iterable[str] = [f"<li><code>{escape(file)}</code></li>" for file in files[:NAMED]]
    more = f"<li>and {len(files) - NAMED} more</li>" if len(files) > NAMED else ""
    return "".join(shown) + more
