"""Reading printed tables: headers, cells, Markdown and LaTeX, and files that are no table."""

from pathlib import Path

import pytest

from benchmark.audit.audit import parse_n, parse_shares
from benchmark.audit.cells import cell_of, unmarked
from benchmark.audit.metrics import column_of
from benchmark.audit.reading import read_table
from benchmark.audit.table import Table
from benchmark.core.errors import ScoreTableError


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def read(tmp_path: Path, text: str) -> Table:
    return read_table(write(tmp_path, text))


def refused(path: Path) -> str:
    with pytest.raises(ScoreTableError) as caught:
        read_table(path)
    return str(caught.value)


def values(table: Table) -> dict[str, dict[str, str]]:
    """The numbers by row and metric, as printed."""
    return {row.name: {name: cell.text for name, cell in row.cells.items()} for row in table.rows}


# ---- titles


@pytest.mark.parametrize(
    ("title", "metric"),
    [
        *((t, "dsc") for t in ("DIC", "Dice Coef", "mDice", "DSC (%) ↑", "mean Dice",
                               "Dice Similarity Coefficient (DSC)", "**DSC**", "Dice [95% CI]",
                               "Dice (mean ± SD)",
                               "DSC <p>&#8593;</p>", r"Dice $\uparrow$ (\%)", "Dice/F1")),
        *((t, "f1") for t in ("F1", "F1-score", "F1-scores", "F1-value", r"$F_1$")),
        *((t, "iou") for t in ("JS", "Jaccard Index", "mIoU", "IOU (%)↑", "JAC", "mIoU (w/ bg)",
                               "Jaccrad index", "IoU (Jaccard)")),
        *((t, "hd95") for t in ("mean HD95", "95HD", "95% HD", r"HD$_{95}$ $\downarrow$",
                                "HD95 (mm)", "Hausdorff 95")),
        *((t, "hd") for t in ("HD", "HD (mm)↓", "Hausdorff Distance")),
        *((t, "sensitivity") for t in ("Recall", "Sensivity", "SEN", "TPR (%)")),
        *((t, "specificity") for t in ("Specificaty", "SPE (%)↑")),
        *((t, "accuracy") for t in ("Overall Acc.", "Pixel Acc", "aAcc", "ACC (%)")),
        *((t, "precision") for t in ("PPV", "PC", "Pre")),
    ],
)  # fmt: skip
def test_a_title_names_a_metric(title: str, metric: str) -> None:
    assert (column_of(title).kind, column_of(title).metric) == ("metric", metric)


@pytest.mark.parametrize(
    "title",
    ["Median Dice", "Dice Std", "Val Loss", "Mean clDice", "Abs. drop (Dice)", "Boundary F1", "MSE",
     "Dice < 0.5", "IoU@0.5", "Δ Dice", "F2-score", "FPS", "Loss function", "DICE↑ / mTRE↓"],
)  # fmt: skip
def test_a_title_that_only_looks_like_a_metric(title: str) -> None:
    assert column_of(title).kind == "other"


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        *(
            (t, "method")
            for t in ("Models", "Network", "Team", "Methods", "Methods/Metrics", "方法")
        ),
        *((t, "dataset") for t in ("Datasets", "Eval set", "Dataset / split", "Tumor Region")),
        *((t, "n") for t in ("N", "# Images", "Test images")),
        *((t, "rank") for t in ("Rank", "iou_rank", "Rank (Dice)")),
    ],
)
def test_a_title_names_a_key(title: str, kind: str) -> None:
    assert column_of(title).kind == kind


@pytest.mark.parametrize(
    ("title", "metric", "dataset"),
    [("Kvasir mDice", "dsc", "Kvasir"), ("HD95 (LV)", "hd95", "LV"), ("Dice_WT", "dsc", "WT"),
     ("Kvasir/dsc", "dsc", "Kvasir"), ("union IoU", "iou", "union"), ("ET Dice", "dsc", "ET")],
)  # fmt: skip
def test_a_title_names_a_metric_and_a_data_set(title: str, metric: str, dataset: str) -> None:
    assert (column_of(title).metric, column_of(title).dataset) == (metric, dataset)


# ---- cells


@pytest.mark.parametrize(
    ("text", "value", "half", "mark"),
    [
        ("0.91", 0.91, 0.005, ""),
        (".910", 0.91, 0.0005, ""),
        ("91", 91, 0.5, ""),
        ("**91.2**", 91.2, 0.05, "best"),
        (r"\textbf{91.2}", 91.2, 0.05, "best"),
        (r"\textcolor{red}{\textbf{91.2}}", 91.2, 0.05, "best"),
        ("__0.9__", 0.9, 0.05, "second"),
        (r"\underline{0.9}", 0.9, 0.05, "second"),
        ("<b>0.9</b>", 0.9, 0.05, "best"),
        ("**<u>0.9</u>**", 0.9, 0.05, "best"),
        ("__**0.9**__", 0.9, 0.05, "best"),
        ("*0.9*", 0.9, 0.05, ""),
        ("91.2±0.3", 91.2, 0.05, ""),
        ("**91.2** (.3)", 91.2, 0.05, "best"),
        ("**91.2 ± 0.3**", 91.2, 0.05, "best"),
        (r"$\mathbf{91.2}_{\pm 0.3}$", 91.2, 0.05, "best"),
        ("97.64 (±0.02)", 97.64, 0.005, ""),
        ("0.7178 (std=0.1309)", 0.7178, 0.00005, ""),
        ("0.73 [0.57, 0.89]", 0.73, 0.005, ""),
        ("0.91 (95% CI: 0.88–0.93)", 0.91, 0.005, ""),
        ("91.2%", 91.2, 0.05, ""),
        (r"81.8\%", 81.8, 0.05, ""),
        ("90.1†", 90.1, 0.05, ""),
        ("90.1*", 90.1, 0.05, ""),
        ("90.1²", 90.1, 0.05, ""),
        ("90.1<sup>2</sup>", 90.1, 0.05, ""),
        ("**🪐82.57**", 82.57, 0.005, "best"),
        ("91.2 (+1.3)", 91.2, 0.05, ""),
        ("91.2 ↑1.3", 91.2, 0.05, ""),
        ("0·91", 0.91, 0.005, ""),
        ("`0.23 ± 0.01 mm`", 0.23, 0.005, ""),
        ("−0.5", -0.5, 0.05, ""),
        ("~0.72", 0.72, 0.005, ""),
    ],
)
def test_cells(text: str, value: float, half: float, mark: str) -> None:
    cell = cell_of(text)
    assert cell is not None
    assert (cell.value, cell.half, cell.mark) == (pytest.approx(value), pytest.approx(half), mark)


@pytest.mark.parametrize("text", ["0.91/0.85", "0.88-0.92", "<0.01", "good", "U-Net", "1 of 3"])
def test_what_is_no_single_number(text: str) -> None:
    assert cell_of(text) is None


@pytest.mark.parametrize("text", ["", "-", "–", "n/a", "NA", "nan", "TBD", "✗", "**-**", r"$-$"])
def test_no_number(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, f"method,dsc,iou\nA,{text},.5\n")
    assert table.rows[0].cells.keys() == {"iou"}
    assert table.passed == ()


def test_a_method_whose_name_begins_like_a_gain(tmp_path: Path) -> None:
    table = read(tmp_path, "Method,IoU\nImprovedSRCNN + U-Net,87.28\nDropNet,86\nΔ-Net,85\n")
    assert len(table.rows) == 3
    gaps = read(tmp_path, "Method,IoU,gap to paper (IoU),Δ Dice\nA,0.59,−0.076,0.01\n")
    assert list(gaps.columns) == ["iou"]
    signed = read(tmp_path, "Method,IoU,Dice vs. us,Recall\nA,0.59,.7,-1.2\nB,0.58,.7,+0.3\n")
    assert list(signed.columns) == ["iou"]  # a recall with signs is a gain


def test_citations_tell_rows_apart(tmp_path: Path) -> None:
    text = "\n".join(f"{row} \\\\" for row in (
        "Method & Dice & IoU", r"U-Net~\cite{a} & 0.8 & 0.7", r"U-Net~\cite{b} & 0.9 & 0.82"
    ))  # fmt: skip
    assert [row.method for row in read(tmp_path, text).rows] == ["U-Net [a]", "U-Net [b]"]


def test_what_is_passed_over_is_named(tmp_path: Path) -> None:
    text = "Method,Dice,IoU\nA,.90,.82\nB,.85,O.77\nStd,.02,.03\nΔ,+.05,+.05\nGain of B,-.05,-.05\n"
    table = read(tmp_path, text)
    assert [row.method for row in table.rows] == ["A", "B"]
    assert table.passed == ("line 3, IoU: 'O.77' is no single number", "line 4: Std", "line 5: Δ",
                            "line 6: Gain of B")  # fmt: skip
    signed = read(tmp_path, "Method,Dice,IoU\nA,.90,.82\nours - A,+.01,−.02\n")
    assert signed.passed == ("line 3: signed numbers",)


def test_marks_are_those_of_the_number() -> None:
    assert unmarked("**U-Net** [code](https://x.org)") == ("U-Net code", "best")
    assert unmarked("0.9 (**best**)")[1] == ""


# ---- rows


def test_long_form(tmp_path: Path) -> None:
    table = read(tmp_path, "Method,Data set,N,mDice,mIoU,Rank\nU-Net,Kvasir,100,.818,.746,2\n")
    (row,) = table.rows
    assert (row.method, row.dataset, row.n, row.line) == ("U-Net", "Kvasir", 100, 2)
    assert {name: cell.value for name, cell in row.cells.items()} == {"dsc": 0.818, "iou": 0.746}
    assert row.ranks == {"": 2}


def test_wide_form_is_a_row_a_dataset(tmp_path: Path) -> None:
    text = "method,Kvasir/dsc,Kvasir/iou,CVC-300/dsc,iou_rank\nA,90.1,85,80,\nB,,,70.00,\n"
    found = values(read(tmp_path, text))
    assert found["A on Kvasir"] == {"dsc": "90.1", "iou": "85"}
    assert found["A on CVC-300"] == {"dsc": "80"}
    assert found["B on CVC-300"] == {"dsc": "70.00"}


@pytest.mark.parametrize(
    "text",
    [
        "Method,Kvasir,,ETIS,\n,Dice,IoU,Dice,IoU\nA,.9,.84,.8,.7\n",
        "Method,Dice,,IoU,\n,Kvasir,ETIS,Kvasir,ETIS\nA,.9,.8,.84,.7\n",
        "Method,Kvasir Dice,Kvasir IoU,ETIS Dice,ETIS IoU\nA,.9,.84,.8,.7\n",
        "Dataset,Method,Dice,IoU\nKvasir,A,.9,.84\nETIS,A,.8,.7\n",
        "Method,Dataset,Dice,IoU\nA,Kvasir,.9,.84\n,ETIS,.8,.7\n",
        "| Method | Dataset | Dice | IoU |\n|:--|:-:|--:|---|\n| A | Kvasir | .9 | .84 |\n"
        "|| ETIS | .8 | .7 |",
        "Method & Dataset & Dice & IoU \\\\ \\hline\n\\multirow{2}{*}{A} & Kvasir & .9 & .84 \\\\\n"
        " & ETIS & .8 & .7 \\\\\n",
    ],
)  # fmt: skip
def test_spellings_of_two_data_sets(tmp_path: Path, text: str) -> None:
    found = values(read(tmp_path, text))
    assert found == {"A on Kvasir": {"dsc": ".9", "iou": ".84"},
                     "A on ETIS": {"dsc": ".8", "iou": ".7"}}  # fmt: skip


def test_f1_beside_dice_and_iou_beside_miou_are_two_columns(tmp_path: Path) -> None:
    table = read(tmp_path, "Model,Dice,F1,IoU,mIoU,HD,HD95\nA,.90,.91,.82,.88,9,4\n")
    assert values(table)["A"] == {"dsc": ".90", "f1": ".91", "iou": ".82", "miou": ".88",
                                  "hd": "9", "hd95": "4"}  # fmt: skip
    assert list(read(tmp_path, "Model,F1,IoU\nA,.9,.8\n").columns) == ["dsc", "iou"]


def test_two_columns_that_name_a_row(tmp_path: Path) -> None:
    text = "Team,Method,DSC\na,U-Net,.5\nb,—,.6\nc,—,.7\n"
    assert [row.method for row in read(tmp_path, text).rows] == ["a", "b", "c"]
    text = "Method,Labeled,DSC\nV-Net,16 (20%),.5\nV-Net,80 (100%),.6\n"
    names = [row.method for row in read(tmp_path, text).rows]
    assert names == ["V-Net, 16 (20%)", "V-Net, 80 (100%)"]


def test_organs_behind_a_mean_are_its_data_sets(tmp_path: Path) -> None:
    text = "Methods,DSC↑,HD↓,Aorta,SP,PC\nA,80.0,30.1,90.0,60.0,90.0\nB,70,20,80,50,80\n"
    found = values(read(tmp_path, text))
    assert found["A on average"] == {"dsc": "80.0", "hd": "30.1"}
    assert found["A on SP"] == {"dsc": "60.0"}


def test_headings_over_rows(tmp_path: Path) -> None:
    text = "| Method | DSC | HD95 |\n|-|-|-|\n| **Kvasir** |\n| A | .9 | 3 |\n| **ETIS** |\n"
    text += "| A | .8 | 4 |\n"
    assert list(values(read(tmp_path, text))) == ["A on Kvasir", "A on ETIS"]
    text = "Method,DSC,IoU\nCNNs,,\nA,.9,.82\nTransformers,,\nB,.8,.7\n"
    assert [(r.method, r.block) for r in read(tmp_path, text).rows] == [
        ("A", "CNNs"),
        ("B", "Transformers"),
    ]


def test_classes_folds_and_metrics_as_rows(tmp_path: Path) -> None:
    folds = read(tmp_path, "Fold;Dice\n1;0,812\n2;0,823\nMean;0,818\nStd;0,008\n")
    assert [row.is_average for row in folds.rows] == [False, False, True]
    turned = read(tmp_path, "| Metric | A | B |\n|-|-|-|\n| Dice | .9 | .8 |\n| IoU | .82 | .7 |")
    assert values(turned) == {"A": {"dsc": ".9", "iou": ".82"}, "B": {"dsc": ".8", "iou": ".7"}}
    alone = read(tmp_path, "| Dice | IoU |\n|---|---|\n| 0.87 | 0.79 |")
    assert values(alone) == {"the row": {"dsc": "0.87", "iou": "0.79"}}


def test_a_latex_table_as_it_is_pasted(tmp_path: Path) -> None:
    text = r"""
\begin{table}[t]
\caption{Best in \textbf{bold}.}\resizebox{\textwidth}{!}{%
\begin{tabular}{l|cc|cc}
\toprule
\multirow{2}{*}{Method} & \multicolumn{2}{c|}{Kvasir-SEG} & \multicolumn{2}{c}{CVC-300} \\
\cmidrule(lr){2-3} \cmidrule(lr){4-5}
 & mDice $\uparrow$ & mIoU (\%) & mDice $\uparrow$ & mIoU (\%) \\
\midrule
U-Net~\cite{unet} & 81.8 & 74.6 & 71.0$_{\pm 0.3}$ & 62.7 \\ % old
\rowcolor{gray!20} \textbf{Ours} & \textbf{90.5} & {\bf 85.2} & \underline{86.0} & -- \\[2pt]
\bottomrule
\end{tabular}}
\end{table}
"""
    table = read(tmp_path, text)
    assert values(table)["U-Net [unet] on CVC-300"] == {"dsc": "71.0", "iou": "62.7"}
    assert values(table)["Ours on CVC-300"] == {"dsc": "86.0"}
    (ours,) = [row for row in table.rows if row.name == "Ours on Kvasir-SEG"]
    assert ([cell.mark for cell in ours.cells.values()], ours.line) == (["best", "best"], 11)


def test_a_caption_and_text_around_a_table(tmp_path: Path) -> None:
    text = '"Table 3. Results",,\nNetwork,DSC (%),p-value\nU-Net,"76.35 ± 20.1",<0.001\n'
    assert values(read(tmp_path, text)) == {"U-Net": {"dsc": "76.35"}}
    text = "Below.\n\n| Model | Dice |\n|---|---|\n| A | 0.9 |\n\nAbove.\n"
    assert values(read(tmp_path, text)) == {"A": {"dsc": "0.9"}}
    text = "Model            Dice    IoU\nU-Net            0.812   0.721\n"
    assert values(read(tmp_path, text)) == {"U-Net": {"dsc": "0.812", "iou": "0.721"}}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("method,dsc\nA,0.91\n", "utf-8-sig"),
        ("method,dsc\r\nA,0.91\r\n", "utf-8"),
        ("method,dsc\rA,0.91\r", "utf-8"),
        ("method;dsc\nA;0,91\n", "utf-8"),
        ('method,dsc\nA,"0.91"\n', "utf-8"),
        ("\ufeffmethod;dsc\r\nA;0,91\r\n\r\n", "utf-8"),
        ("method\tdsc\nA\t0.91\n", "utf-8"),
        ('method,dsc\n"A",0.91', "utf-8"),
        ("+---+------+\n| method | dsc |\n+===+======+\n| A | 0.91 |\n+---+------+\n", "utf-8"),
    ],
)
def test_spellings_of_one_table(tmp_path: Path, text: str, encoding: str) -> None:
    (row,) = read_table(write(tmp_path, text, encoding)).rows
    assert (row.method, row.cells["dsc"].value) == ("A", 0.91)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("method,year\nA,2020\n", ("no column of a metric among 'method', 'year'",)),
        ("method,dsc\nA,0,91\n", ("line 2: 3 cells", "2, as in the header", "quotes")),
        ("method,dsc,iou\nA,.9\nB,.9,.8\n", ("line 2: 2 cells", "3, as in the header")),
        ("method,dsc\n", ("no rows",)),
        ("", ("nothing in it",)),
        ('method,dsc\n"A,.9\n', ("unreadable",)),
        ("method,dsc\nA,.9\0\n", ("zero bytes",)),
        ("<table><tr><td>Dice</td></tr></table>", ("no rows",)),
        ("|a|dsc|\n|-|-|\n|A|.9|\n\n|b|dsc|\n|-|-|\n|B|.8|\n", ("2 tables (lines 1, 5)",)),
    ],
)
def test_what_is_no_table_says_why(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    message = refused(write(tmp_path, text))
    assert "table.csv" in message
    assert all(part in message for part in parts), message


def test_other_encodings_and_missing_files(tmp_path: Path) -> None:
    assert "no UTF-8 text" in refused(write(tmp_path, "method,dsc\nÜ,.9\n", "latin-1"))
    assert "no such file" in refused(tmp_path / "none.csv")
    assert "is a directory" in refused(tmp_path)


# ---- what is known beside the table


def test_shares_of_a_file_of_scores_count_each_case_once(tmp_path: Path) -> None:
    text = (
        "dataset,case,draw,foreground\nKvasir SEG,a,0,0.1\nKvasir SEG,a,1,0.1\nKvasir SEG,b,0,0.3\n"
    )
    (tmp_path / "s.csv").write_text(text)
    cases, together = parse_shares([str(tmp_path / "s.csv"), "0.05", "BUSI=8%"])
    assert {name: p.tolist() for name, p in cases.items()} == {"kvasirseg": [0.1, 0.3]}
    assert together == {"": 0.05, "busi": 0.08}
    for word in ("5", "0", "Kvasir=120%"):
        with pytest.raises(ScoreTableError, match="--shares"):
            parse_shares([word])


@pytest.mark.parametrize("cell", ["x", "nan", "1.2", "-0.1", ""])
def test_bad_shares(tmp_path: Path, cell: str) -> None:
    (tmp_path / "s.csv").write_text(f"case,foreground\na,{cell}\n")
    with pytest.raises(ScoreTableError, match="line 2"):
        parse_shares([str(tmp_path / "s.csv")])


def test_shares_without_their_column(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("case,area\na,0.1\n")
    with pytest.raises(ScoreTableError, match="no column foreground"):
        parse_shares([str(tmp_path / "s.csv")])


def test_numbers_of_cases() -> None:
    assert parse_n(["100", "CVC-300=60"]) == {"": 100, "cvc300": 60}
    for word in ("x", "Kvasir=", "Kvasir=-3", "0"):
        with pytest.raises(ScoreTableError, match="--n"):
            parse_n([word])
