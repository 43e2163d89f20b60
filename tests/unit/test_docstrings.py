"""Docstrings name a term first: none opens with a question word, which nobody would search for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
QUESTION = re.compile(r"(What|Whether|How|Who|Whose|When|Where|Why|Which)\b")


def docstrings(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "name", "the module"), ast.get_docstring(node) or ""


def test_no_docstring_opens_with_a_question_word() -> None:
    sources = [path for folder in ("src", "flows") for path in (REPOSITORY / folder).rglob("*.py")]
    assert sources
    questions = [
        f"{path.relative_to(REPOSITORY)}: {name}: {text.splitlines()[0]}"
        for path in sources
        for name, text in docstrings(path)
        if QUESTION.match(text)
    ]
    assert questions == []
