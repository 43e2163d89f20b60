"""Every threat of docs/security.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "security.md"


def rows() -> list[list[str]]:
    """Cells of the table of threats."""
    table = PAGE.read_text().partition("## Threats")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines[1:]]


def test_every_threat_names_a_test_that_exists() -> None:
    found = rows()
    assert len(found) > 30
    for cells in found:
        assert len(cells) == 4, cells
        match = re.fullmatch(r"`([\w/]+\.py)(?:::(\w+))?`", cells[3])
        assert match, cells
        path = REPOSITORY / "tests" / match[1]
        assert path.is_file(), cells
        tests = re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.M)
        assert match[2] in tests if match[2] else tests, cells


def test_every_attacker_is_explained() -> None:
    text = PAGE.read_text()
    assert {who for cells in rows() for who in cells[0].split(", ")} == set(re.findall(r"\*\*([A-Z])\*\* ", text))
