"""Documents: one content as HTML, PDF and SVG, whatever names people give."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from posemill.handover.documents.content import Document, KeyFigure, Section
from posemill.handover.documents.drawing import Drawing
from posemill.handover.documents.html import write_html
from posemill.handover.documents.pdf import write_pdf
from posemill.handover.documents.pictures import recall_chart
from posemill.handover.facts import ActivityFigures
from posemill.handover.standalone import compare

NAMES = ["<b>push & pull</b>", "Kniebeuge_mit_Überkopf", "приседание", "x" * 200, "a `code` b", "`"]


def document() -> Document:
    figures = [ActivityFigures(name, 3, 1, 2, i % 3, "") for i, name in enumerate(NAMES)]
    drawing = (
        Drawing(200, 80, "two & more").box(0, 0, 80, 40, NAMES[:2]).arrow((80, 20), (120, 20)).text(0, 70, NAMES[0])
    )
    section = (
        Section("Everything & more")
        .text(*NAMES)
        .heading(NAMES[0])
        .bullets(NAMES)
        .commands("posemill verify <BUNDLE> && echo", "x" * 300)
        .table(("name", "value"), [(name, "f" * 64) for name in NAMES] * 20, "a caption", (0.3, 0.7))
        .picture(drawing, NAMES[0])
        .picture(recall_chart(figures), "recall")
    )
    return Document(
        NAMES[0], NAMES[2], (KeyFigure("a", "<1>", "b"),) * 4, (section, Section("Empty")), "footer & <end>"
    )


def test_html_escapes_every_name(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "params.yaml").touch()
    linked = Section("Links").table(("file",), [("workspace/params.yaml",), ("workspace/none.yaml",)])
    base = document()
    page = tmp_path / "index.html"
    write_html(Document(base.title, base.lead, base.figures, (*base.sections, linked), base.footer), page, tmp_path)
    text = page.read_text()
    assert "<b>push" not in text
    assert "&lt;b&gt;push &amp; pull&lt;/b&gt;" in text
    assert "a <code>code</code> b" in text
    assert text.count('href="../workspace/') == 1


def test_pdf_has_the_names_and_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    write_pdf(document(), tmp_path / "a.pdf")
    write_pdf(document(), tmp_path / "b.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert content == (tmp_path / "b.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert content.count(b"/Type /Page\n") >= 3


def test_drawings_are_well_formed_svg() -> None:
    for block in document().sections[0].blocks:
        if hasattr(block, "drawing"):
            root = ElementTree.fromstring(block.drawing.svg())
            assert root.find("{http://www.w3.org/2000/svg}title") is not None


def test_a_recall_bar_is_as_long_as_its_share() -> None:
    chart = recall_chart([ActivityFigures("half", 1, 1, 4, 2, "")])
    bars = [shape for shape in chart.shapes if getattr(shape, "fill", "") == "#9fd0c9"]
    assert [bar.width for bar in bars] == [pytest.approx(175)]
    assert any("0.50  (0.15 to 0.85), 2 of 4" in getattr(shape, "text", "") for shape in chart.shapes)


def test_another_verdict_is_named(tmp_path: Path) -> None:
    (tmp_path / "lineage").mkdir()
    (tmp_path / "workspace" / "build" / "evaluate").mkdir(parents=True)
    rows = [
        "clip,medium,activity,predicted,confidence",
        "1,m,wave,wave,0.9",
        "2,m,squat,wave,0.6",
        "3,m,squat,squat,0.6",
    ]
    (tmp_path / "lineage" / "verdicts.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "workspace" / "build" / "evaluate" / "metrics.json").write_text('{"accuracy": 0.5}')
    outcome = compare({1: "wave", 2: "squat"}, tmp_path)
    assert (outcome["clips"], outcome["right"], outcome["accuracy"]) == (2, 2, 1.0)
    assert outcome["different"] == [
        {"clip": 2, "stated": "wave", "answer": "squat"},
        {"clip": 3, "stated": "squat", "answer": None},
    ]
