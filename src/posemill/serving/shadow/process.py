"""Worker process of a shadow, seen from the service: started, asked within a time limit, killed where it is late."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import PosemillError
from posemill.serving.shadow import worker

START_S = 60.0
ANSWER_S = 20.0  # a machine at its limits gives the process little time; what is dropped meanwhile is counted
EXIT_S = 5.0  # for a process that has closed its socket; it is only killed to be sure


class ChallengerError(PosemillError):
    """The worker process ended, or was late and was killed."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """The challenger's probabilities (N, C) of windows, and the seconds of both models' runs on them."""

    probabilities: NDArray[np.float32]
    champion_s: float
    challenger_s: float


class ChallengerProcess:
    """A started worker; see worker.py. Not for use from several threads.

    start_s, answer_s  how long it may take to be ready, and to answer; module  that the process runs.
    classes  of the challenger, in output order.
    Errors of the constructor and of `ask`: ChallengerError; then the process is gone.
    """

    def __init__(
        self,
        champion: Path,
        challenger: Path,
        start_s: float = START_S,
        answer_s: float = ANSWER_S,
        module: str = worker.__name__,
    ) -> None:
        self._answer_s = answer_s
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(champion), str(challenger)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # its errors come as answers
                pass_fds=(theirs.fileno(),),
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
            )
        self.classes: tuple[str, ...] = tuple(self._answer(start_s)["classes"])

    def ask(self, windows: NDArray[np.float32]) -> Compared:
        """Run both models on windows (N, T, K, C)."""
        self._socket.settimeout(self._answer_s)
        try:
            worker.write(self._socket, np.ascontiguousarray(windows, np.float32).tobytes())
        except OSError as exc:
            self.close()
            raise ChallengerError(f"the challenger takes no windows: {exc}") from exc
        answer = self._answer(self._answer_s)
        return Compared(np.array(answer["probabilities"], np.float32), *answer["seconds"])

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _answer(self, limit_s: float) -> dict[str, Any]:
        self._socket.settimeout(limit_s)
        try:
            body = worker.read(self._socket)
        except OSError as exc:
            self.close()
            late = isinstance(exc, TimeoutError)
            raise ChallengerError(f"the challenger {f'took longer than {limit_s:g} s' if late else exc}") from exc
        if body is None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(EXIT_S)
            self.close()
            raise ChallengerError(f"the challenger ended with code {self._process.returncode}")
        answer: dict[str, Any] = json.loads(body)
        if "error" in answer:
            self.close()
            raise ChallengerError(f"the challenger failed: {answer['error']}")
        return answer
