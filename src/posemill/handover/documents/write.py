"""The documents of a bundle: HTML, PDF, pictures, model card and data card."""

from __future__ import annotations

import shutil
from pathlib import Path

from posemill.handover.documents import pictures
from posemill.handover.documents.data_card import data_card
from posemill.handover.documents.guide import guide
from posemill.handover.documents.html import write_html
from posemill.handover.documents.operating import Handed
from posemill.handover.documents.pdf import write_pdf
from posemill.handover.facts import ProjectFacts

FOLDER = "documents"


def write_documents(folder: Path, facts: ProjectFacts, handed: Handed) -> None:
    """Write documents/ of a bundle."""
    target = folder / FOLDER
    target.mkdir()
    document = guide(facts, handed)
    write_html(document, target / "index.html", folder)
    write_pdf(document, target / "documentation.pdf")
    folders = [name.rstrip("/") for name in handed.folders]
    (target / "architecture.svg").write_text(pictures.architecture(facts, folders).svg())
    (target / "data-flow.svg").write_text(pictures.data_flow(facts).svg())
    (target / "recall.svg").write_text(pictures.recall_chart(facts.activities).svg())
    shutil.copy(folder / "models" / "card.md", target / "model-card.md")
    (target / "data-card.md").write_text(data_card(facts))
