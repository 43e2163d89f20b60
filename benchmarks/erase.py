"""Seconds of erasing a person from a finished workspace, of the check, and of building the model again without them.

    cd COPY_OF_A_WORKSPACE && python benchmarks/erase.py --subject NAME --retrain

It erases: run it in a copy. Processor seconds are given beside those of the clock, since they hardly depend on other
work on the machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any


def timed(name: str, command: list[str]) -> tuple[dict[str, Any], str]:
    """Run a command; return its seconds by the clock and by the processor, and what it printed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"step": name, "seconds": round(time.monotonic() - started, 1), "processor_s": round(used, 1)}, done.stdout


def main() -> None:
    """Run all of it in the current folder's workspace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subject", required=True)
    parser.add_argument("--backup", action="append", default=[], help="as of posemill erase")
    parser.add_argument("--retrain", action="store_true", help="also build the model again; takes minutes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    posemill = [sys.executable, "-m", "posemill"]
    erase = [*posemill, "erase", "--subject", given.subject, *(word for b in given.backup for word in ("--backup", b))]
    rows = [timed("dry run", [*erase, "--dry-run", "--json"])[0]]
    row, printed = timed("erase", [*erase, "--yes", "--json"])
    rows += [row, timed("check", [*erase, "--check", "--json"])[0]]
    figures: dict[str, Any] = {"removed": json.loads(printed)["removed"]}
    if given.retrain:
        rows.append(timed("build again", [sys.executable, "-m", "flows.build_model"])[0])
        rows.append(timed("check again", [*erase, "--check", "--json"])[0])
        summary = json.loads(timed("summary", [*posemill, "summary", "--json"])[1])
        figures["model"] = {stage: summary[stage] for stage in ("evaluate", "package", "accept")}
    if given.json:
        print(json.dumps({"steps": rows, **figures}))
        return
    for row in rows:
        print(f"{row['step']:<12} {row['seconds']:7.1f} s   processor {row['processor_s']:6.1f} s")
    print(figures)


if __name__ == "__main__":
    main()
