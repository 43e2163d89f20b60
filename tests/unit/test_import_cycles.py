"""Scripts and helpers that are no package have no import cycles; import-linter looks after the packages."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def imported(file: Path) -> set[str]:
    """Names of the modules that a file imports, in functions and under TYPE_CHECKING too."""
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("folder", ["benchmarks", "tests", "tools"])
def test_files_of_a_folder_do_not_import_each_other_in_a_circle(folder: str) -> None:
    files = {file.stem: file for file in (REPOSITORY / folder).glob("*.py")}
    graph = {name: imported(file) & files.keys() for name, file in files.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
