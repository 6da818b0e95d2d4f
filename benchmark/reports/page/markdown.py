"""Markdown pages of the project as HTML: headings with anchors, tables that scroll."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

# The only tags of HTML that a page may use by itself; all others are shown as text.
TAGS = re.compile(r"</?(sup|sub|u|b|i|em|strong|br|kbd)\s*/?>")
COMMENT = re.compile(r"\s*<!--.*?-->\s*", re.S)
Link = Callable[[str], str]


@dataclass
class Page:
    """A page as HTML.

    Attributes:
        title: its first heading.
        body: the HTML below <main>.
        headings: anchor and text of the headings of the second level.
    """

    title: str
    body: str
    headings: list[tuple[str, str]] = field(default_factory=list)


def page(text: str, link: Link, picture: Link) -> Page:
    """Reads Markdown as CommonMark with tables.

    Args:
        link: gives the address of a link from the one in the text.
        picture: likewise of an image.
    """
    reader = _reader()
    tokens = reader.parse(text)
    found = Page("", "")
    _anchors(tokens, found)
    _addresses(tokens, link, picture)
    html = str(reader.renderer.render(tokens, reader.options, {}))
    found.body = _tables(html)
    return found


def _reader() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    reader.add_render_rule("html_inline", _raw)
    reader.add_render_rule("html_block", _raw)
    return reader


def _raw(_: Any, tokens: "Sequence[Token]", i: int, *rest: Any) -> str:
    """HTML that stands in the text: a few harmless tags stay, comments go, the rest is text."""
    text = tokens[i].content
    if COMMENT.fullmatch(text):
        return ""
    return text if TAGS.fullmatch(text.strip()) else escape(text)


def _anchors(tokens: "Sequence[Token]", found: Page) -> None:
    """Gives headings the anchors that GitHub gives them."""
    seen: dict[str, int] = {}
    for i, token in enumerate(tokens):
        if token.type != "heading_open":
            continue
        text = "".join(part.content for part in tokens[i + 1].children or ())
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count = seen[anchor] = seen.get(anchor, -1) + 1
        anchor = f"{anchor}-{count}" if count else anchor
        token.attrSet("id", anchor)
        if not found.title:
            found.title = text
        elif token.tag == "h2":
            found.headings.append((anchor, text))


def _addresses(tokens: "Sequence[Token]", link: Link, picture: Link) -> None:
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("href", link(str(token.attrGet("href") or "")))
        elif token.type == "image":
            token.attrSet("src", picture(str(token.attrGet("src") or "")))
        _addresses(token.children or (), link, picture)


def _tables(html: str) -> str:
    """Tables scroll on their own, by the keyboard too; a heading without text is no heading."""
    html = re.sub(r"<th([^>]*)></th>", r"<td\1></td>", html)
    count = iter(range(1, html.count("<table>") + 1))
    start = '<div class="scroll" role="region" aria-label="Table {}" tabindex="0"><table>'
    html = re.sub("<table>", lambda _: start.format(next(count)), html)
    html = html.replace("</table>", "</table></div>").replace("<pre>", '<pre tabindex="0">')
    return html.replace("<th>", '<th scope="col">')
