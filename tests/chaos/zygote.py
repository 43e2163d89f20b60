"""Zygote: a process that has imported the program and forks a child for every try, which saves seconds a try.

A request and an answer a line, JSON: {"start": Spec} → {"pid": int}; {"poll": pid} → {"code": exit code, or null}.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from chaos import shim
from chaos.clock_file import Clock
from chaos.shim import WritePoint

POINTS = ".points"  # behind the name of the output: how many write points the process met
WARM = (
    "click",
    "numpy",
    "polars",
    "pyarrow.parquet",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "alembic.command",
    "av",
    "cv2",
    "fsspec.implementations.local",
    "httpx",
    "uvicorn",
    "fastapi",
    "posemill.labelling.session",
    "posemill.labelling.worker",
    "posemill.estimation.factory",
    "posemill.ingest.keypoints",
    "posemill.serving.routers.feedback",
    "posemill.serving.prediction_log",
    "posemill.store.tracks",
    "stand_in_labeller",
)
HEAVY = ("torch", "pytorch_lightning", "great_expectations", "onnxruntime", "openvino", "posemill.stages.train")


@dataclass(frozen=True, slots=True)
class Spec:
    """A process to be: `program` is module:function, called with sys.argv of `arguments`."""

    program: str
    arguments: Sequence[str]
    folder: str
    output: str
    environment: Mapping[str, str]
    point: dict[str, Any] | None = None


class Child:
    """A forked process, a session of its own."""

    def __init__(self, zygote: Zygote, pid: int, output: Path) -> None:
        self.pid, self.output, self._zygote, self._code = pid, output, zygote, None
        self.started, self._lock = time.monotonic(), threading.Lock()

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with self._lock:  # asked by two at once, the second would ask of a process that is no more
            if self._code is None:
                self._code = self._zygote.ask(poll=self.pid)["code"]
            return self._code

    def wait(self, limit_s: float = 120.0) -> int:
        """Its exit code. Errors: TimeoutError, after it was killed."""
        until = time.monotonic() + limit_s
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                self.signal(signal.SIGKILL)
                raise TimeoutError(f"process ran for more than {limit_s:.0f} s: {self.said()[-2000:]}")
            time.sleep(0.01)
        return code

    def signal(self, number: int) -> None:
        """Send a signal, unless it ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def said(self) -> str:
        """What it printed."""
        return self.output.read_text(errors="replace")

    def points(self) -> int:
        """The write points that it met; it has ended by itself."""
        return int(Path(f"{self.output}{POINTS}").read_text())


class Zygote:
    """The forking process, from here."""

    def __init__(self, heavy: bool = False) -> None:
        library, self.clock = shim.compiled(), Clock()
        clock = self.clock.environment()
        preload = clock | {"LD_PRELOAD": f"{library}:{clock['LD_PRELOAD']}"} if library else {}
        self.shim = library is not None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chaos.zygote", *(["heavy"] if heavy else [])],
            env=os.environ | preload | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self.ask(ready=True)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request, return its answer."""
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def start(
        self,
        program: str,
        arguments: Sequence[str],
        folder: Path,
        output: Path,
        environment: Mapping[str, str],
        point: WritePoint | None = None,
    ) -> Child:
        """Fork a child that runs the program."""
        about = Spec(program, arguments, str(folder), str(output), dict(environment), asdict(point) if point else None)
        return Child(self, int(self.ask(start=asdict(about))["pid"]), output)

    def close(self) -> None:
        """End it; its children live on."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:  # a busy machine, and a gigabyte of libraries to leave
            self._process.kill()
            self._process.wait()
        self.clock.close()


def posemill() -> None:
    """`posemill`, with a stand-in for the pose network where the environment says so."""
    from posemill.cli.main import main as command

    if os.environ.pop("CHAOS_STAND_IN", ""):
        from posemill.estimation import factory
        from stand_in_labeller import StandIn

        factory.load_backend = lambda name, params: StandIn()  # type: ignore[assignment]
    command()


def _child(about: Spec) -> None:
    os.setsid()
    out = os.open(about.output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    for number, copy in ((null, 0), (out, 1), (out, 2)):
        os.dup2(number, copy)
    os.chdir(about.folder)
    os.environ.update(about.environment)
    os.environ.pop("LD_PRELOAD", None)
    if network := os.environ.pop("CHAOS_NETWORK", ""):
        from chaos.network import enter

        enter(network)
    tempfile.tempdir = None  # it may be another one here
    sys.argv[:] = [about.program, *about.arguments]
    code = 0
    try:
        module, name = about.program.split(":")
        call: Callable[[], None] = getattr(import_module(module), name)
        if about.point:
            WritePoint(**about.point).arm()
        call()
    except SystemExit as exc:
        code = exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    if threading.current_thread() is threading.main_thread():
        threading._shutdown()  # type: ignore[attr-defined]  # as the interpreter does at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    if about.point:
        Path(f"{about.output}{POINTS}").write_text(str(shim.points()))
    os._exit(code)


def main() -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for module in (*WARM, *(HEAVY if "heavy" in sys.argv else ())):
        import_module(module)
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "start" in request:
            pid = os.fork()
            if pid == 0:
                _child(Spec(**request["start"]))
            answer = {"pid": pid}
        elif "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = {"code": os.waitstatus_to_exitcode(status) if pid else None}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
