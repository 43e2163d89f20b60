"""The demo in a fresh clone, timed stage by stage: rendering, the whole flow with its service, and what came out.

    python benchmarks/demo.py [--json]

Set-up is left out: the clone is run with the Python of this environment. `ratio` is the limit, five minutes, over the
time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
LIMIT_S = 300.0
CLOCK = re.compile(r"^(\d\d:\d\d:\d\d\.\d\d\d) .*Task run '([\w-]+)' - (Running stage|Finished in state Completed)")


def stage_times(log: str) -> dict[str, float]:
    """Seconds of every task from the flow's own log."""
    began: dict[str, datetime] = {}
    spent: dict[str, float] = {}
    for line in log.splitlines():
        if found := CLOCK.match(line):
            at = datetime.strptime(found[1], "%H:%M:%S.%f")
            if found[3] == "Running stage":
                began[found[2]] = at
            elif found[2] in began:
                spent[found[2]] = (at - began[found[2]]) % timedelta(days=1) / timedelta(seconds=1)
    return spent


def main() -> None:
    """Measure and print a table; with --json the figures as one flat JSON object in the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posemill-demo-") as folder:
        root = Path(folder) / "posemill"
        Path(folder).chmod(0o755)  # the embedded server runs as another user where this one is root
        subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(root)], check=True)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {name: value for name, value in os.environ.items() if not name.startswith("POSEMILL_")}
        env |= {"PATH": path, "PYTHONPATH": str(root / "src")}
        command = [sys.executable, "-m", "posemill"]
        started = time.monotonic()
        done = subprocess.run([*command, "demo"], cwd=root, env=env, capture_output=True, text=True, check=False)
        total_s = time.monotonic() - started
        if done.returncode:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        said = subprocess.run([*command, "summary", "--json"], cwd=root, env=env, capture_output=True, check=True)
        subprocess.run([*command, "db", "stop"], cwd=root, env=env, capture_output=True, check=False)
        figures = json.loads(said.stdout)
    spent = stage_times(done.stdout + done.stderr)
    rows = {"whole": total_s, **spent, "rendering, start, end": total_s - sum(spent.values())}
    for name, seconds in rows.items():
        print(f"{name:24} {seconds:7.1f} s")
    label, evaluate = figures["label"], figures["evaluate"]
    print(f"mean OKS {label['mean_oks']}, test accuracy {evaluate['accuracy']:.4f} of {evaluate['clips']} clips")
    if args.json:
        flat = {f"{name}_s": round(seconds, 1) for name, seconds in spent.items()}
        flat |= {"seconds": round(total_s, 1), "ratio": round(LIMIT_S / total_s, 3)}
        flat |= {"mean_oks": label["mean_oks"], "accuracy": evaluate["accuracy"], "clips": evaluate["clips"]}
        print(json.dumps({"benchmark": "demo", **flat}))


if __name__ == "__main__":
    main()
