"""Grids as Markdown and as LaTeX (booktabs); whatever stands in a name is text there."""

import re
from collections.abc import Iterator

from benchmark.reports.tables.grid import Cell, Column, Grid, Line

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after a line break a bare one would begin its option
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≠": r"$\neq$",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
    "≤": r"$\leq$",
    "α": r"$\alpha$",
    "χ": r"$\chi$",
    "²": r"\textsuperscript{2}",
    "°": r"\textsuperscript{o}",
    "…": r"\dots{}",
    "→": r"$\rightarrow$",
    "σ": r"$\sigma$",
    "≥": r"$\geq$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "–": "--",
    "−": "$-$",
}
SWITCH = r"\ifdefined\mixsegbrief\else"  # smaller lines, intervals foremost, can be left out
LONG = 40  # characters that a column of one line may have
MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~^$!])")


def markdown(grid: Grid) -> str:
    """The table in GitHub's Markdown."""
    head = [md(grid.head), *(_md_head(column) for column in grid.columns)]
    rule = [":---", *("---:" if column.numeric else ":---" for column in grid.columns)]
    rows = [head, rule]
    for block in grid.blocks:
        if block.title:
            rows.append([f"**{md(block.title)}**", *[""] * len(grid.columns)])
        rows += [_md_line(line) for line in block.lines]
    text = f"**{md(grid.full_title())}**\n\n"
    text += "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
    below = [f"<sup>{mark}</sup> {md(note)}" for mark, note in grid.notes]
    below += [md(remark) for remark in grid.remarks]
    return text + "".join(f"\n{sentence}\n" for sentence in below)


def md(text: str) -> str:
    """Text with every character of markup escaped, on one line."""
    escaped = MARKDOWN.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _md_head(column: Column) -> str:
    parts = [md(part) for part in (column.group, column.label) if part]
    return "<br>".join(parts) + _md_marks(column.marks)


def _md_marks(marks: tuple[str, ...]) -> str:
    return f"<sup>{' '.join(marks)}</sup>" if marks else ""


def _md_line(line: Line) -> list[str]:
    title = md(line.title) + _md_marks(line.marks)
    return [title, *(_md_cell(cell) for cell in line.cells)]


def _md_cell(cell: Cell) -> str:
    text = md(cell.text)
    if cell.rank == 1:
        text = f"**{text}**"
    elif cell.rank:
        text = f"<u>{text}</u>"
    elif cell.kind == "missing":
        text = f"*{text}*"
    return text + "".join(f"<br><sub>{md(line)}</sub>" for line in cell.sub.splitlines())


def latex(grid: Grid) -> str:
    """The table for a document that loads booktabs and graphicx; brief where that is defined."""
    align = "".join(_aligned(grid))
    width = len(grid.columns) + 1
    lines = [
        r"% needs \usepackage{booktabs,graphicx}, \def\mixsegbrief{} leaves out intervals",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex(grid.full_title())}}}",
        rf"\label{{tab:{grid.name}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        *_tex_spans(grid),
        " & ".join([tex(grid.head), *(tex(c.label) + _tex_marks(c.marks) for c in grid.columns)])
        + r" \\",
    ]
    for block in grid.blocks:
        lines.append(r"\midrule")
        if block.title:
            lines.append(rf"\multicolumn{{{width}}}{{l}}{{\textit{{{tex(block.title)}}}}} \\")
        for line in block.lines:
            lines += _tex_line(line)
    lines += [r"\bottomrule", r"\end{tabular}}", r"\par\smallskip\footnotesize\raggedright"]
    lines += [rf"\textsuperscript{{{mark}}}~{tex(note)}\par" for mark, note in grid.notes]
    lines += [rf"{tex(remark)}\par" for remark in grid.remarks]
    return "\n".join([*lines, r"\end{table}", ""])


def _aligned(grid: Grid) -> Iterator[str]:
    """How each column is set; one of sentences keeps a width, and its lines break."""
    lines = grid.lines()
    yield "p{6cm}" if any(len(line.title) > LONG for line in lines) else "l"
    for k, column in enumerate(grid.columns):
        words = not column.numeric and any(len(line.cells[k].text) > LONG for line in lines)
        yield "r" if column.numeric else "p{5cm}" if words else "l"


def tex(text: str) -> str:
    """Text with every character of LaTeX escaped, on one line."""
    return "".join(LATEX.get(char, char) for char in " ".join(text.split()))


def _tex_marks(marks: tuple[str, ...]) -> str:
    return rf"\textsuperscript{{{' '.join(marks)}}}" if marks else ""


def _tex_spans(grid: Grid) -> list[str]:
    spans, rules, first = [""], [], 2
    for name, width in grid.spans():
        spans.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(name)}}}" if name else "&" * (width - 1))
        if name:
            rules.append(rf"\cmidrule(lr){{{first}-{first + width - 1}}}")
        first += width
    return [" & ".join(spans) + r" \\", "".join(rules)] if rules else []


def _tex_line(line: Line) -> list[str]:
    title = tex(line.title) + _tex_marks(line.marks)
    rows = [" & ".join([title, *(_tex_cell(cell) for cell in line.cells)]) + r" \\"]
    subs = [cell.sub.splitlines() for cell in line.cells]
    for level in range(max(map(len, subs), default=0)):
        texts = (sub[level] if level < len(sub) else "" for sub in subs)
        small = (rf"{{\scriptsize {tex(text)}}}" if text else "" for text in texts)
        rows.append(" & ".join(["", *small]) + r" \\")
    return [rows[0], SWITCH, *rows[1:], r"\fi"] if rows[1:] else rows


def _tex_cell(cell: Cell) -> str:
    text = tex(cell.text)
    if cell.rank == 1:
        return rf"\textbf{{{text}}}"
    if cell.rank:
        return rf"\underline{{{text}}}"
    return rf"\textit{{{text}}}" if cell.kind == "missing" else text
