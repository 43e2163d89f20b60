"""A fuzzing campaign: targets one after the other, each in a process of its own; `make fuzz`.

    python -m fuzzing.campaign --seconds 60 --seed 7 --write docs/security.md

Exits with 1 where anything was found; the inputs lie in the folder that it names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fuzzing.targets import TARGETS

BEGIN, END = "<!-- fuzzing: begin -->", "<!-- fuzzing: end -->"
REPOSITORY = Path(__file__).resolve().parents[2]


def run(names: Sequence[str], seed: int, seconds: float, folder: Path, most: int | None = None) -> list[dict[str, Any]]:
    """Fuzz these targets in one process; a target that ends it is a finding, and the others go on in another."""
    left, results = list(names), []
    while left:
        command = [sys.executable, "-m", "fuzzing.worker", ",".join(left), str(seed), str(seconds), str(folder)]
        paths = [str(REPOSITORY / "src"), str(REPOSITORY / "tests"), str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"}
        limit_s = (seconds + 60) * len(left) + 120
        with (folder / "worker.log").open("ab") as log:
            try:
                done = subprocess.run(
                    [*command, *([] if most is None else [str(most)])],
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    timeout=limit_s,
                )
                ended, text = done.returncode, done.stdout
            except subprocess.TimeoutExpired as exc:
                ended, text = "no end", exc.stdout.decode() if isinstance(exc.stdout, bytes) else exc.stdout or ""
        finished = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        results += finished
        left = left[len(finished) :]
        if left:  # the first of them ended the process
            results.append(_crashed(left.pop(0), seed, ended, folder))
    return results


def _crashed(name: str, seed: int, ended: int | str, folder: Path) -> dict[str, Any]:
    told = {"kind": "crash", "says": f"the process ended with {ended}", "input": str(folder / name / "tree")}
    zero = dict.fromkeys(("executions", "read", "refused", "seconds", "lines", "kept", "slowest_s", "memory_mib"), 0)
    return {"target": name, "seed": seed, **zero, "findings": [told]}


def table(results: Sequence[dict[str, Any]], seconds: float) -> str:
    """Return the results as the part of the page between its markers."""
    executions = sum(r["executions"] for r in results)
    found = sum(len(r["findings"]) for r in results)
    head = (
        f"Run of {datetime.now(UTC):%Y-%m-%d}, seed {results[0]['seed']}, {seconds:g} s a target, "
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}: {len(results)} targets, {executions:,} executions, "
        f"**{found} findings**.\n"
    )
    rows = ["| target | reads | executions | read, refused | lines reached | slowest, s | memory added, MiB | found |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    for r in results:
        told = "; ".join(f"{f['kind']}: {f['says'][:80]}" for f in r["findings"]) or "0"
        rows.append(
            f"| {r['target']} | {TARGETS[r['target']].reads} | {r['executions']:,} | {r['read']:,}, {r['refused']:,} "
            f"| {r['lines']:,} | {r['slowest_s']} | {r['memory_mib']} | {told} |"
        )
    return f"{BEGIN}\n{head}\n" + "\n".join(rows) + f"\n{END}"


def write(page: Path, text: str) -> None:
    """Replace what is between the markers of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(before + text + rest.partition(END)[2])


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Fuzz the readers of foreign bytes.")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", default=",".join(TARGETS), help="names, with commas between")
    parser.add_argument("--executions", type=int, default=None, help="at most, of each target")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzzing"), help="for what is found")
    parser.add_argument("--write", type=Path, default=None, help="page whose table is replaced")
    chosen = parser.parse_args()
    folder = chosen.folder.resolve() / datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True)
    results = []
    for name in chosen.targets.split(","):
        results += run([name], chosen.seed, chosen.seconds, folder, chosen.executions)
        print(json.dumps(results[-1]), flush=True)
    if chosen.write:
        write(chosen.write, table(results, chosen.seconds))
    found = sum(len(r["findings"]) for r in results)
    print(f"{sum(r['executions'] for r in results)} executions, {found} findings; inputs in {folder}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
