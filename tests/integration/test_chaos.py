"""The short run of the fault injection: nothing acknowledged is lost or doubled, nothing is half there.

Slow (two minutes on an idle machine): it kills processes, disks and databases under real work.
"""

from __future__ import annotations

import pytest

from chaos import shim, table
from chaos.__main__ import run
from chaos.history import ACKNOWLEDGED, ASKED, REFUSED, Cell, History, Verdict, check


@pytest.mark.slow
def test_no_cell_of_the_short_matrix_loses_or_doubles() -> None:
    if shim.compiled() is None:
        pytest.skip("no C compiler on this machine for the library that makes writes fail")
    cells = run(tries=0, seed=7, only=[], short=True)
    assert cells
    for cell in cells:
        assert all(verdict.acknowledged for verdict in cell.verdicts), cell.row()
        assert all(verdict.sound for verdict in cell.verdicts), (cell.row(), cell.verdicts)
        assert cell.tracebacks == 0, cell.row()


def test_the_checker_sees_what_is_lost_doubled_and_never_asked_for() -> None:
    history = History()
    for write in "abcd":
        history.add(ASKED, write)
    for write in "abc":
        history.add(ACKNOWLEDGED, write)
    history.add(REFUSED, "d")
    assert check(history, ["a", "b", "c"]).sound
    assert check(history, ["a", "b", "c", "d"]).sound, "what was refused may be there all the same, whole"
    verdict = check(history, ["a", "b", "b", "x"], half=["d"])
    assert (verdict.lost, verdict.doubled, verdict.half, verdict.unknown) == (("c",), ("b",), ("d",), ("x",))
    assert not verdict.sound


def test_the_page_says_when_each_row_was_taken() -> None:
    def row(where: str, run: str, **counts: int) -> dict[str, object]:
        lost = tuple(str(number) for number in range(counts.get("lost", 0)))
        return Cell("SIGKILL", where, 3, [Verdict(4, lost)], [1.5], "by hand").row() | {"run": run}

    rows = [row("import", "Monday, idle"), row("label", "Tuesday, busy", lost=2), row("capture", "Monday, idle")]
    page = table.page(rows, "Machine: one.", "The end.").splitlines()
    assert page[page.index("Runs (column *run*):") + 1 :][:2] == ["1. Monday, idle", "2. Tuesday, busy"]
    assert "| SIGKILL | label | 1 | 4 | **2** | 0 | 0 | 0 | 1.5 | 1.5 | 3 | 2 | by hand |" in page
    assert "| SIGKILL | capture | 1 | 4 | 0 | 0 | 0 | 0 | 1.5 | 1.5 | 3 | 1 | by hand |" in page
    assert page[-1] == "The end."
