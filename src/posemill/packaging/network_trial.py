"""Trial of a package's network in a process with bounded memory and time, before a package of others is stored.

A runtime folds constants while it opens a network, so that a file of some bytes can ask for terabytes or never end, and
a compiled runtime may end its process at a damaged file. Whatever that comes to is one sentence here; what passed is
opened in the service's own process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from posemill.errors import CheckpointError

MAX_MEMORY = 4 * 2**30  # bytes of data
TIMEOUT_S = 60.0


def try_network(package: Path, timeout_s: float = TIMEOUT_S, max_memory: int = MAX_MEMORY) -> None:
    """Open the network of a package and run it once on an empty window, in another process.

    Errors: CheckpointError with the reason.
    """
    command = [sys.executable, "-m", __name__, str(package.absolute()), str(max_memory)]
    paths = os.pathsep.join(filter(None, sys.path))
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise CheckpointError(f"{package}: its network took longer than {timeout_s:.0f} s to open and run") from None
    if done.stdout.startswith("refused "):
        raise CheckpointError(done.stdout.removeprefix("refused ").strip())
    if done.returncode:
        raise CheckpointError(
            f"{package}: the process that opened its network ended with {done.returncode}, or needed more than "
            f"{max_memory >> 30} GB of memory"
        )


def main() -> None:
    """Open and run the network of the folder given; print why that is refused."""
    package, max_memory = Path(sys.argv[1]), int(sys.argv[2])
    import onnxruntime  # noqa: F401  # what is needed, before memory is bounded

    from posemill.prediction.model import ActivityModel
    from posemill.untrusted import untrusted

    _limit(max_memory)
    try:
        with untrusted(f"the network of {package}", CheckpointError):
            ActivityModel.load(package).warm()
    except CheckpointError as exc:
        print(f"refused {exc}")


def _limit(max_memory: int) -> None:
    import resource

    for what, most in ((resource.RLIMIT_DATA, max_memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
