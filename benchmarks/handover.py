"""Seconds and size of handing a finished workspace over, verifying the bundle and reproducing its accuracy.

    cd WORKSPACE && python benchmarks/handover.py

Processor seconds are given beside those of the clock, since they hardly depend on other work on the machine.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def timed(name: str, command: list[str], folder: Path) -> None:
    """Run a command and print its seconds by the clock and by the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:<28} {time.monotonic() - started:7.1f} s   processor {used:6.1f} s", flush=True)


def main() -> None:
    """Run all of it in the current folder's workspace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--retrain", action="store_true", help="also train again; takes minutes")
    given = parser.parse_args()
    posemill = [sys.executable, "-m", "posemill"]
    with tempfile.TemporaryDirectory() as temporary:
        empty = Path(temporary) / "empty"
        empty.mkdir()
        bundle = Path(temporary) / "out.posemill"
        timed("handover", [*posemill, "handover", str(bundle), "--quiet"], Path.cwd())
        print(f"size {bundle.stat().st_size / 1e6:.1f} MB")
        timed("python BUNDLE", [sys.executable, "-I", "-S", str(bundle)], empty)
        timed("verify", [*posemill, "verify", str(bundle)], empty)
        timed("reproduce", [*posemill, "reproduce", str(bundle)], empty)
        if given.retrain:
            timed("reproduce --retrain", [*posemill, "reproduce", str(bundle), "--retrain"], empty)


if __name__ == "__main__":
    main()
