"""Grids as Markdown and as LaTeX (booktabs); whatever stands in a name is text there."""

import re

from benchmark.reports.grid import Cell, Column, Grid, Line

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
    "≥": r"$\geq$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "–": "--",
    "−": "$-$",
}
MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~^$!])")


def markdown(grid: Grid) -> str:
    """The table in GitHub's Markdown."""
    head = [_md(grid.head), *(_md_head(column) for column in grid.columns)]
    rule = [":---", *("---:" if column.numeric else ":---" for column in grid.columns)]
    rows = [head, rule]
    for block in grid.blocks:
        if block.title:
            rows.append([f"**{_md(block.title)}**", *[""] * len(grid.columns)])
        rows += [_md_line(line) for line in block.lines]
    text = f"**{_md(grid.full_title())}**\n\n"
    text += "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"
    below = [f"<sup>{mark}</sup> {_md(note)}" for mark, note in grid.notes]
    below += [_md(remark) for remark in grid.remarks]
    return text + "".join(f"\n{sentence}\n" for sentence in below)


def _md(text: str) -> str:
    """Text with every character of markup escaped, on one line."""
    escaped = MARKDOWN.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _md_head(column: Column) -> str:
    parts = [_md(part) for part in (column.group, column.label) if part]
    return "<br>".join(parts) + _md_marks(column.marks)


def _md_marks(marks: tuple[str, ...]) -> str:
    return f"<sup>{' '.join(marks)}</sup>" if marks else ""


def _md_line(line: Line) -> list[str]:
    title = _md(line.title) + _md_marks(line.marks)
    return [title, *(_md_cell(cell) for cell in line.cells)]


def _md_cell(cell: Cell) -> str:
    text = _md(cell.text)
    if cell.rank == 1:
        text = f"**{text}**"
    elif cell.rank:
        text = f"<u>{text}</u>"
    elif cell.kind == "hole":
        text = f"*{text}*"
    return text + (f"<br><sub>{_md(cell.sub)}</sub>" if cell.sub else "")


def latex(grid: Grid) -> str:
    """The table for a document that loads booktabs and graphicx."""
    align = "".join("r" if column.numeric else "l" for column in grid.columns)
    width = len(grid.columns) + 1
    lines = [
        r"% needs \usepackage{booktabs,graphicx}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex(grid.full_title())}}}",
        rf"\label{{tab:{grid.name}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{l{align}}}",
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
    if any(cell.sub for cell in line.cells):
        subs = (rf"{{\scriptsize {tex(cell.sub)}}}" if cell.sub else "" for cell in line.cells)
        rows.append(" & ".join(["", *subs]) + r" \\")
    return rows


def _tex_cell(cell: Cell) -> str:
    text = tex(cell.text)
    if cell.rank == 1:
        return rf"\textbf{{{text}}}"
    if cell.rank:
        return rf"\underline{{{text}}}"
    return rf"\textit{{{text}}}" if cell.kind == "hole" else text
