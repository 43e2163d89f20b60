"""The troubleshooting guide quotes sentences that the code says."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_every_quoted_sentence_is_in_the_code() -> None:
    rows = [row for row in (REPOSITORY / "docs/guides/troubleshooting.md").read_text().splitlines() if row[:3] == "| `"]
    quoted = [quote for row in rows for quote in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert len(quoted) > 15
    code = "".join(path.read_text() for path in (REPOSITORY / "src/posemill").rglob("*.py"))
    joined = re.sub(r'"\s*\n\s*f?"', "", code)  # a sentence may be written in several pieces
    assert [quote for quote in quoted if quote not in joined] == []
