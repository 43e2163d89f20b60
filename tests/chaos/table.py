"""docs/reliability.md: the cells as a table, with seeds, machine and date."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HEAD = """# Reliability

Fault injection: work is struck at write points and instants drawn from a seed, goes on, and is checked. A client's
history says which writes were acknowledged; each of them has to be there, once, and no other may be there in part.
Outputs have to be the bytes of an undisturbed run where the work is deterministic. This page is written by the run:

```sh
make chaos                                   # all of it, by hand
make chaos CHAOS="--tries 20 --only label"   # some cells, more tries
```

{about}

- **tried**: faults, each in a database, store and folder of its own. **writes**: those acknowledged in these tries.
- **lost**: acknowledged and not there afterwards. **doubled**: there more than once. **half**: there in part.
  **differs**: outputs that are not those of an undisturbed run, and sound media that ended in quarantine.
- **recovery**: seconds from the fault until all of the work was done, with what was left of it. A process is forked
  from one that has its modules imported, so that the seconds of starting Python are not in it.

"""
_COUNTS = ("tried", "writes", "lost", "doubled", "half", "differs")
CLOSING = """
**Lost rows of the prediction log** at a SIGKILL of the service: an answer is given before its row is written, some
tenths of a second later. Nobody is promised the row; SIGTERM loses none.

**Train** goes on from its last epoch after a kill: network, weights, `history.json` and the curves of DVCLive are the
same bytes.

**Tracebacks** at a full disk: of stage ingest, mended after this run (polars says so without an error number); of stage
package, left as it is: OpenVINO says no more than "iostream error".

## What these tries found

Each is mended, with a test of its own ([decision](decisions/0032-faults-are-injected-at-write-points.md)):

| found | by |
|---|---|
| a killed write of poses left a temporary file that was taken for poses: no labelling any more | SIGKILL at a write |
| the prediction log wrote a batch twice | the answer to COMMIT lost |
| a decoder that crashed took the worker with it; one that hung held it for ever | reading; decoder: crash, hang |
| an import whose database went away ended in a traceback, not as retryable (exit code 75) | PostgreSQL restarted |
| the curves of a killed training began with the first epoch after the kill | SIGKILL in train |
| three outages during one chunk put a sound medium into quarantine | reading |

## What was not tried

Failover to a promoted standby, clocks that jump, slow disks, the kernel's out-of-memory killer (a SIGKILL is tried in
its place), SIGSTOP for a minute, packets lost between hosts (a proxy on one machine loses them instead), kills of
releases and of Prefect's flows, two releases or two workspaces at once, and capture from a camera whose stream is
poisoned. Faults of the disk are those of calls that the library sees: a memory map that is written back later is not
one of them.
"""
COLUMNS = ("fault", "where", *_COUNTS, "median s", "worst s", "seed", "note")


def merged(path: Path, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of earlier runs with these in their places."""
    known = json.loads(path.read_text()) if path.exists() else []
    by_cell = {(row["fault"], row["where"]): row for row in known}
    by_cell |= {(row["fault"], row["where"]): dict(row) for row in rows}
    return list(by_cell.values())


def page(rows: Iterable[Mapping[str, Any]], about: str, closing: str = CLOSING) -> str:
    """The page."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = [
            row["fault"],
            row["where"],
            row["tried"],
            row["acknowledged"],
            *(_bold(row[name]) for name in ("lost", "doubled", "half", "different")),
            row["median_s"],
            row["worst_s"],
            row["seed"],
            "; ".join(filter(None, (row["note"], f"{row['tracebacks']} tracebacks" if row["tracebacks"] else ""))),
        ]
        lines.append(f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |")
    return HEAD.format(about=about) + "\n".join(lines) + "\n" + closing


def _bold(count: int) -> str:
    return f"**{count}**" if count else "0"
