"""LaTeX tables: their rows, and the plain text of a cell with its marks as Markdown writes them."""

import re
from collections.abc import Iterator

BOLD = {"textbf", "mathbf", "bm", "boldsymbol", "pmb", "best", "bestscore"}
UNDER = {"underline", "uline", "underbar", "second"}
CITED = {"cite", "citep", "citet", "citeyear", "citealp", "citenum"}  # tell U-Net from U-Net
DROPPED = {"ref", "label", "footnote", "tnote",
           "footnotemark", "textsuperscript", "vspace", "hspace", "cellcolor", "rowcolor", "color",
           "phantom", "hphantom", "cmidrule", "cline", "addlinespace", "specialrule",
           "arrayrulecolor", "url", "index", "noalign", "setlength", "rule",
           "tablefootnote"}  # fmt: skip
SIGNS = {"pm": "±", "uparrow": "↑", "downarrow": "↓", "Uparrow": "↑", "Downarrow": "↓",
         "checkmark": "✓", "cmark": "✓", "xmark": "✗", "times": "×", "dagger": "†", "ddagger": "‡",
         "textdagger": "†", "textpm": "±", "textuparrow": "↑", "textdownarrow": "↓", "ast": "*",
         "star": "*", "alpha": "α", "beta": "β", "omega": "ω", "phi": "φ", "xi": "ξ", "Delta": "Δ",
         "quad": " ", "qquad": " ", "textemdash": "–", "textendash": "–", "textunderscore": "_",
         "textasciitilde": "~", "textpercent": "%", "ldots": "", "dots": ""}  # fmt: skip
PERCENT = r"(?<=[\w\s}])(?<!\\)(?<!^)(?<!\\\\ )(?<!\\\\)%(?=\s*(?:\\\\\s*$|&))"  # AVD % \\: a slip
RULES = re.compile(
    r"\\(?:hline|hhline\{[^{}]*\}|toprule|midrule|bottomrule|thickhline|Xhline\{?[^{}\s]*\}?)"
    r"(?:\[[^\]]*\])?"
)
LEADING = re.compile(r"(?:\s|\\[a-z]*(?:line|rule)\b(?:\([^)]*\))?(?:\[[^\]]*\])?(?:\{[^{}]*\})?)*")
PARTIAL_RULES = re.compile(r"\\(?:cline|cmidrule)(?:\([^)]*\))?(?:\[[^\]]*\])?\{[^{}]*\}")
GROUP = re.compile(r"\{\s*\\(bf|bfseries|boldmath|it|itshape|em)\b\s*([^{}]*)\}")
COMMAND = re.compile(r"\\([A-Za-z]+)\*?\s*(?:\[[^\[\]]*\])*((?:\s*\{[^{}]*\})+)(?!\s*\{)")
INNER = re.compile(
    r"\\begin\{tabular\}(?:\[[^\]]*\])?\{(?:[^{}]|\{[^{}]*\})*\}((?:(?!\\begin\{tabular)[\s\S])*?)"
    r"\\end\{tabular\}"
)
BODY = re.compile(
    r"\\begin\{(tabular[xy*]?|tabulary|longtable|array|tblr|NiceTabular)\}([\s\S]*?)\\end\{\1\}"
)
ARGUMENTS = re.compile(r"\s*(?:\[[^\]]*\]\s*)?(?:\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}\s*)+")
STACKED = re.compile(r"\\(makecell|shortstack|thead|parbox)((?:\s*\[[^\]]*\])*)\s*\{")


def is_latex(text: str) -> bool:
    """Whether a text holds a LaTeX table, with or without its environment."""
    return r"\begin{tabular" in text or bool(re.search(r"(?<!\\)&[^\n]*\\\\", text))


def rows_of(text: str) -> Iterator[tuple[int, list[str], bool]]:
    """The rows of a LaTeX table: line, cells as plain text, and whether a rule stands above.

    A cell over several columns fills the first of them and leaves the others empty.
    """
    text = re.sub(PERCENT, r"\\%", text, flags=re.M)
    text = re.sub(r"(?<!\\)%[^\n]*", "", text)
    body, first = _body(text)
    line, ruled = first, False
    for part in re.split(r"(?<!\\)\\\\(?:\*?\s*\[[^\]]*\])?|\\tabularnewline|\\cr\b", body):
        start = line + part[: LEADING.match(part).end()].count("\n")  # type: ignore[union-attr]
        line += part.count("\n")
        ruled = ruled or bool(RULES.search(part))
        bare = PARTIAL_RULES.sub("", RULES.sub("", part)).strip()
        if bare:
            yield start, _cells(bare), ruled
            ruled = False


def _body(text: str) -> tuple[str, int]:
    """What stands between the rows' first and last, and the line where it begins."""
    text = _joined(text)
    outer = BODY.search(text)
    if outer is None:
        return text, 1
    body = outer.group(2)
    columns = ARGUMENTS.match(body)
    start = columns.end() if columns else 0
    return body[start:], 1 + text[: outer.start(2) + start].count("\n")


def _joined(text: str) -> str:
    """Cells that are broken into lines by a table of their own, as one line each."""
    before = ""
    while text != before and text.count(r"\begin{tabular") > 1:
        before = text
        text = INNER.sub(lambda found: _one_line(found.group(1)), text)
    place = STACKED.search(text)
    while place:
        end = _closing(text, place.end())
        inner = _one_line(text[place.end() : end])
        text = f"{text[: place.start()]}{{{inner}}}{text[end + 1 :]}"
        place = STACKED.search(text)
    return text


def _one_line(text: str) -> str:
    return " ".join(re.sub(r"\\\\|\n", " ", text).split())


def _closing(text: str, start: int) -> int:
    """The brace that closes what was opened before `start`; the end where none does."""
    depth = 1
    for k in range(start, len(text)):
        depth += (text[k] == "{") - (text[k] == "}")
        if not depth:
            return k
    return len(text)


def _cells(row: str) -> list[str]:
    cells = []
    for part in re.split(r"(?<!\\)&", row):
        wide = re.search(r"\\multicolumn\s*\{\s*(\d+)\s*\}", part)
        cells += [plain(part), *[""] * (int(wide.group(1)) - 1 if wide else 0)]
    return cells


def plain(text: str) -> str:
    """A cell without LaTeX: **best**, __second__, and signs as they print."""
    text = text.replace(r"\\", " ")
    for escaped in "%&_#$":
        text = text.replace(f"\\{escaped}", {"_": "\0", "$": ""}.get(escaped, escaped))
    text = re.sub(r"\\[,;:!> ]", " ", text).replace("~", " ").replace("$", "")
    text = re.sub(r"\\(" + "|".join(SIGNS) + r")(?![A-Za-z])", lambda m: SIGNS[m.group(1)], text)
    text = re.sub(r"\^\s*(?:\{[^{}]*\d[^{}]*\}|\d+)", "", text).replace("^", "")  # no digits of it
    before = ""
    while text != before:
        before = text
        text = GROUP.sub(lambda m: _marked(m.group(1), m.group(2)), text)
        text = COMMAND.sub(_argument, text)
        text = re.sub(r"(?<=[\d*])_\{([^{}\\]*)\}", r" (\1)", text)  # a spread as a subscript
        text = re.sub(r"(?<![A-Za-z}\]\\])_?\{([^{}\\]*)\}", r"\1", text)
    text = re.sub(r"^\s*\\(?:bf|bfseries)\b\s*(.*)$", r"**\1**", text)
    text = re.sub(r"\\[A-Za-z]+\*?", "", text)
    text = re.sub(r"(?<!-)--(?!-)", "–", text.replace("---", "–"))
    return " ".join(re.sub(r"[{}]", "", text).replace("\0", "_").split())


def _marked(command: str, inner: str) -> str:
    return f"**{inner.strip()}**" if command.startswith("b") else inner


def _argument(found: re.Match[str]) -> str:
    name, last = found.group(1), re.findall(r"\{([^{}]*)\}", found.group(2))[-1].strip()
    if name in BOLD:
        return f"**{last}**" if last else ""
    if name in UNDER:
        return f"__{last}__" if last else ""
    if name in CITED:
        return f" [{last}]"
    return "" if name in DROPPED else last
