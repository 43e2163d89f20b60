"""Run the matrix and write docs/reliability.md.

    PYTHONPATH=tests python -m chaos [--tries 10] [--seed 1] [--only label ...] [--short] [--results FILE] [--out FILE]

--only takes the cells whose names contain one of these words; their rows replace those of earlier runs in --results.
Exit code 1 where anything was lost, doubled or half there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from chaos import table
from chaos.history import Cell
from chaos.matrix import matrix
from chaos.place import Bench
from chaos.postgres import own_postgres
from chaos.zygote import Zygote

REPOSITORY = Path(__file__).resolve().parents[2]


def run(
    tries: int, seed: int, only: list[str], short: bool = False, keep: Callable[[Cell], object] = lambda cell: None
) -> list[Cell]:
    """Run these cells, all of them where none is named; `keep` gets each when it is done."""
    zygote, cells = Zygote(heavy=not short), []
    try:
        with own_postgres() as postgres:
            for planned in matrix(Bench(zygote, postgres)):
                count = planned.short if short else tries
                if count and (not only or any(word in planned.name for word in only)):
                    began = time.monotonic()
                    cell = planned.run(count, seed)
                    cells.append(cell)
                    keep(cell)
                    print(f"{planned.name}, {time.monotonic() - began:.0f} s: {json.dumps(cell.row())}", flush=True)
                    for verdict in (v for v in cell.verdicts if not v.sound):
                        print(f"  {verdict}", flush=True)
    finally:
        zygote.close()
    return cells


def about() -> str:
    """A sentence on the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Machine: {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}, "
        "PostgreSQL 18 on the same machine."
    )


def when() -> str:
    """The date, and how busy the machine is: seconds are those of a machine under load."""
    return f"{date.today().isoformat()}, at a load of {os.getloadavg()[1]:.0f}"


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--results", type=Path, default=REPOSITORY / "build" / "chaos.json")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "reliability.md")
    given = parser.parse_args()

    begun = when()

    def keep(cell: Cell) -> None:
        rows = table.merged(given.results, [cell.row() | {"run": begun}])
        given.results.parent.mkdir(parents=True, exist_ok=True)
        given.results.write_text(json.dumps(rows, indent=1) + "\n")
        given.out.write_text(table.page(rows, about()))

    cells = run(given.tries, given.seed, given.only, given.short, keep)
    return 0 if all(verdict.sound for cell in cells for verdict in cell.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
