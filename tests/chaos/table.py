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

Runs (column *run*):
{runs}

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

**A promoted standby** has every acknowledged commit because commits wait for it (`synchronous_standby_names`). Without
that PostgreSQL loses the newest ones in a failover: [a pair of servers](howto/deploy.md#a-pair-of-database-servers).

**Runs of flows** that are killed are Crashed after three minutes without a heartbeat; here after one.

## What these tries found

Each is mended, with a test of its own ([decision 32](decisions/0032-faults-are-injected-at-write-points.md),
[decision 35](decisions/0035-foreign-streams-are-sandboxed-and-leftovers-cleared.md)):

| found | by |
|---|---|
| a killed write of poses left a temporary file that was taken for poses: no labelling any more | SIGKILL at a write |
| the prediction log wrote a batch twice | the answer to COMMIT lost |
| a decoder that crashed took the worker with it; one that hung held it for ever | reading; decoder: crash, hang |
| an import whose database went away ended in a traceback, not as retryable (exit code 75) | PostgreSQL restarted |
| the curves of a killed training began with the first epoch after the kill | SIGKILL in train |
| three outages during one chunk put a sound medium into quarantine | reading |
| a flow run that was killed before its first heartbeat stayed in Running for ever (3 of 6) | SIGKILL of flow runs |
| a flow outside posemill's work pools reported every three minutes, when it already counts as killed | reading |
| a stream that crashed or hung in its decoder took `capture` and its recording with it | reading; stream: crash, hang |
| drawing, evidence, comparison and the edge export decoded foreign videos in their own process | reading |
| temporary files of killed writes, parts of videos among them, stayed in the store for ever | reading |
| a damaged file of the store was not replaced when the same bytes were added again | reading |
| a full disk while OpenVINO wrote ended in a traceback | disk full |
| a promotion was made although another version was released while it was compared | reading |
| of several database hosts the first was taken, also where it is the standby | failover |
| the history of data sets omitted newest clips where the database's clock is ahead | reading |

## What was not tried

DVC's remote and cache behind faulty object stores and slow disks of its own; eventual listings of object stores; a
standby that does not wait for commits; clocks within a container that differ from its host's; two builds at once in one
workspace (they wait for each other, which tests show); flow runs killed by the kernel for memory (a SIGKILL is tried in
its place); partitions of the service and of import by namespace (a proxy loses their packets instead). Schedules are
in UTC (prefect.yaml), where no hour is skipped or repeated: no daylight-saving change was tried. Rate limits, caches of
keys and time limits of a service follow the monotonic clock, which does not jump. Faults of the disk are those of calls
that the library sees: a memory map that is written back later is not one of them.
"""
COLUMNS = ("fault", "where", *_COUNTS, "median s", "worst s", "seed", "run", "note")


def merged(path: Path, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of earlier runs with these in their places."""
    known = json.loads(path.read_text()) if path.exists() else []
    by_cell = {(row["fault"], row["where"]): row for row in known}
    by_cell |= {(row["fault"], row["where"]): dict(row) for row in rows}
    return list(by_cell.values())


def page(rows: Iterable[Mapping[str, Any]], about: str, closing: str = CLOSING) -> str:
    """The page. run of a row: when it was taken, and beside what; rows without one are of one run."""
    rows = list(rows)
    runs = list(dict.fromkeys(str(row.get("run", "not noted")) for row in rows))
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
            1 + runs.index(str(row.get("run", "not noted"))),
            "; ".join(filter(None, (row["note"], f"{row['tracebacks']} tracebacks" if row["tracebacks"] else ""))),
        ]
        lines.append(f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |")
    listed = "\n".join(f"{number}. {run}" for number, run in enumerate(runs, 1))
    return HEAD.format(about=about, runs=listed) + "\n".join(lines) + "\n" + closing


def _bold(count: int) -> str:
    return f"**{count}**" if count else "0"
