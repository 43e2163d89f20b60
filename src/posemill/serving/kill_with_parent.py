"""Kill-with-parent: runs a command for as long as the process that started it lives.

python -m posemill.serving.kill_with_parent COMMAND… with a pipe as its input: a starter that ends in whatever way,
SIGKILL included, closes the pipe, and the command with all that it started is ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

STOP_S = 15.0


def with_parent(command: list[str]) -> list[str]:
    """Return a command line that runs `command` and ends it with its starter.

    Start it with stdin=PIPE and in a session of its own.
    """
    return [sys.executable, "-m", "posemill.serving.kill_with_parent", *command]


def main() -> None:
    """Run the command of the arguments; exits as it does."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start()
    sys.exit(child.wait())


def _end_with_parent(child: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):  # nothing comes: it returns when nobody holds the other end any more
        pass
    child.terminate()
    try:
        child.wait(STOP_S)
    finally:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
