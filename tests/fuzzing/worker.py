"""Targets in a process of their own: `python -m fuzzing.worker TARGET[,TARGET...] SEED SECONDS FOLDER [EXECUTIONS]`.

Watches what a mutated file makes the reader do: which error it raises, which files it opens and what it starts (audit
hook), how long it takes, how much memory it adds. Prints a line of JSON a target. What is read lies in
FOLDER/TARGET/tree while it is read, so that one that kills the process is still there.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from fuzzing.mutate import mutated
from fuzzing.targets import TARGETS, Target, Tree

MEMORY = 512 * 2**20  # bytes that reading a file of at most a mebibyte may add
ADDRESS_SPACE = 4 * 2**30  # and how much of it, beyond what the libraries have mapped before
SLOWEST_S = 10.0
MOST_FINDINGS = 12
KEPT = 400  # inputs that reached something new
PICKLED = {"ndarray", "dtype", "_reconstruct", "scalar", "_frombuffer", "encode"}
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
NETWORK = ("socket.connect", "socket.getaddrinfo", "urllib.Request")


class TooLong(BaseException):
    """The alarm of one execution; no reader catches it as an error of its input."""


class Watch:
    """What the reader did outside of its folder."""

    def __init__(self, folder: Path, spawns: bool) -> None:
        self.on, self.spawns, self.seen = False, spawns, list[str]()
        source = Path(sys.modules["posemill"].__path__[0]).parent
        self.own = (str(folder),)
        tests = Path(__file__).resolve().parents[1]
        self.readable = tuple(
            map(str, (*self.own, sys.prefix, sys.base_prefix, source, tests, "/proc/self", "/dev/shm"))
        )
        self.harmless = ("/dev/null", "/dev/urandom", "/proc/meminfo", "/proc/cpuinfo", "/proc/stat")

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Audit hook."""
        if not self.on:
            return
        if event == "open":
            self._opened(*arguments[:3])
        elif event == "pickle.find_class" and arguments[1] not in PICKLED:
            self.seen.append(f"pickle names {arguments[0]}.{arguments[1]}")
        elif event in NETWORK or (event.startswith(STARTS) and not self.spawns):
            self.seen.append(f"{event} {str(arguments)[:200]}")
        elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.symlink", "os.link"):
            path = os.path.abspath(os.fsdecode(arguments[0])) if not isinstance(arguments[0], int) else ""
            if path and not path.startswith(self.own) and arguments[-1] in (-1, None):
                self.seen.append(f"{event} {path}")

    def _opened(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        absolute = os.path.realpath(os.fsdecode(path))
        writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR)) or any(c in (mode or "") for c in "wax+")
        if absolute in self.harmless or absolute.startswith(self.own if writes else self.readable):
            return
        self.seen.append(f"{'writes' if writes else 'opens'} {absolute}")


class Lines:
    """Lines of posemill that were reached; what reaches a new one is mutated further."""

    def __init__(self) -> None:
        self.reached: set[tuple[str, int]] = set()
        self.marker = f"{os.sep}posemill{os.sep}"

    def __call__(self, frame: Any, event: str, argument: Any) -> Any:
        """Global trace function: frames of other packages are not followed."""
        name = frame.f_code.co_filename
        if self.marker not in name or "site-packages" in name:
            return None

        def local(frame: Any, event: str, argument: Any) -> Any:
            if event == "line":
                self.reached.add((name, frame.f_lineno))
            return local

        return local


class Worker:
    """Executions of one target."""

    def __init__(self, target: Target, seed: int, folder: Path) -> None:
        self.target, self.seed, self.folder = target, seed, folder
        self.rng = random.Random(f"{target.name} {seed}")
        self.place, self.lines = folder / "tree", Lines()
        self.allowed: tuple[type[BaseException], ...] = ()
        self.told: dict[str, dict[str, Any]] = {}
        self.counts = {"executions": 0, "read": 0, "refused": 0}
        self.slowest_s, self.base = 0.0, 0

    def run(self, seconds: float, most: int | None) -> dict[str, Any]:
        """Fuzz for so many seconds, or executions."""
        from posemill.errors import PosemillError

        seeds = self._seeds()
        self.allowed = (PosemillError, *self.target.refuses())
        watch = Watch(self.folder, self.target.spawns)
        sys.addaudithook(watch)
        for tree in seeds:
            self._write(tree)
            self._execute(watch, must_work=True)
        gc.collect()
        self.base = _peak()
        _limit_memory()
        kept, begun = list(seeds), time.monotonic()
        while time.monotonic() - begun < seconds and (most is None or self.counts["executions"] < most):
            base = self._base(kept, seeds)
            name = self.rng.choice([name for name in base if name not in self.target.fixed])
            others = [tree[name] for tree in kept if name in tree][-20:]
            if self.target.made is None or self.rng.random() < 0.4:  # what is made anew is hostile as it is
                base = base | {name: mutated(base[name], self.rng, others)}
            tree = base
            self._write(tree)
            before = len(self.lines.reached)
            self._execute(watch)
            if len(self.lines.reached) > before and len(kept) < KEPT:
                kept.append(tree)
            if len(self.told) >= MOST_FINDINGS:
                break
        added = max(0, _peak() - self.base)
        if added > MEMORY:
            self._found("memory", f"{added >> 20} MiB more at the peak", keep=False)
        return {
            "target": self.target.name,
            "seed": self.seed,
            **self.counts,
            "seconds": round(time.monotonic() - begun, 1),
            "lines": len(self.lines.reached),
            "kept": len(kept) - len(seeds),
            "slowest_s": round(self.slowest_s, 2),
            "memory_mib": added >> 20,
            "findings": list(self.told.values()),
        }

    def _base(self, kept: list[Tree], seeds: list[Tree]) -> Tree:
        if self.target.made is not None and self.rng.random() < 0.8:
            return self.target.made(self.rng)
        return self.rng.choice(kept if self.rng.random() < 0.5 else seeds)

    def _seeds(self) -> list[Tree]:
        folder = self.folder / "seeds"
        folder.mkdir(parents=True)
        return self.target.seeds(folder)

    def _write(self, tree: Tree) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        for name, content in tree.items():
            path = self.place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def _execute(self, watch: Watch, must_work: bool = False) -> None:
        watch.seen.clear()
        begun, failure = time.monotonic(), None
        signal.setitimer(signal.ITIMER_REAL, 0 if must_work else SLOWEST_S)  # the first time libraries are loaded
        watch.on = not must_work
        sys.settrace(self.lines)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = self.target.read(self.place)
            if must_work:
                _require_no_fault(self.target.name, result)
            self.counts["read"] += not must_work
        except (Exception, TooLong) as exc:
            if must_work:
                raise
            if isinstance(exc, self.allowed):
                self.counts["refused"] += 1
            else:
                failure = exc
        finally:
            sys.settrace(None)
            watch.on = False
            signal.setitimer(signal.ITIMER_REAL, 0)
        took_s = time.monotonic() - begun
        if must_work:
            return
        self.counts["executions"] += 1
        self.slowest_s = max(self.slowest_s, took_s)
        if isinstance(failure, TooLong) or took_s > SLOWEST_S + 1:
            self._found("time", f"more than {SLOWEST_S:.0f} s {_where(failure)}")
        elif failure is not None:
            self._found(type(failure).__name__, f"{str(failure)[:200]} {_where(failure)}")
        for sentence in watch.seen[:3]:
            self._found("outside", sentence)

    def _found(self, kind: str, says: str, keep: bool = True) -> None:
        key = f"{kind} {says.rpartition(' at ')[2]}"
        if key in self.told:
            return
        place = self.folder / "findings" / f"{len(self.told)}-{kind}"
        if keep and self.place.is_dir():
            shutil.copytree(self.place, place, dirs_exist_ok=True)
        self.told[key] = {"kind": kind, "says": says, "input": str(place)}


def _require_no_fault(name: str, result: Any) -> None:
    faults = [each for each in result if type(each).__name__ == "Fault"] if isinstance(result, list) else []
    if faults:
        raise AssertionError(f"a seed of {name} is not read: {faults[0]}")


def _where(exc: BaseException | None) -> str:
    """The innermost line of posemill in the traceback."""
    frames = traceback.extract_tb(exc.__traceback__) if exc is not None else []
    own = [
        frame
        for frame in frames
        if f"{os.sep}posemill{os.sep}" in frame.filename and "site-packages" not in frame.filename
    ]
    return f"at {own[-1].filename.rpartition('posemill/')[2]}:{own[-1].lineno}" if own else "at ?"


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _limit_memory() -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + ADDRESS_SPACE, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _ring(number: int, frame: Any) -> None:
    raise TooLong


def main() -> None:
    """See the module."""
    names, seed, seconds, folder = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]).resolve()
    most = int(sys.argv[5]) if len(sys.argv) > 5 else None
    signal.signal(signal.SIGALRM, _ring)
    import posemill  # noqa: F401

    for name in names.split(","):
        temporary = folder / name / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        print(json.dumps(Worker(TARGETS[name], seed, folder / name).run(seconds, most)), flush=True)


if __name__ == "__main__":
    main()
