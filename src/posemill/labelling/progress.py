"""Progress of labelling: a bar at a terminal, a line now and then in a log, JSON lines for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from posemill.labelling.report import Done, Report

EVERY_S = 30.0


@contextmanager
def progress(quiet: bool = False, as_json: bool = False) -> Iterator[Report]:
    """The report that fits: nothing, JSON lines on stdout, a bar on stderr, or lines where stderr is no terminal."""
    if as_json:
        yield JsonLines(lambda line: print(line, flush=True))
    elif quiet:
        yield Report()
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        lines = Lines(lambda line: print(line, file=sys.stderr, flush=True))
        yield lines
        lines.end()


@dataclass(slots=True)
class Lines(Report):
    """One line every `every_s` while frames come, and one at the end."""

    tell: Callable[[str], object]
    clock: Callable[[], float] = time.monotonic
    every_s: float = EVERY_S
    total: int | None = None
    of: str = ""
    frames: int = 0
    people: int = 0
    propagated: int = 0
    chunks: int = 0
    chunks_total: int = 0
    started: float = field(default=0.0)
    told: float = field(default=0.0)

    def begin(self, chunks: int, frames: int | None, about: bool = False) -> None:
        """See Report."""
        self.started = self.told = self.clock()
        self.chunks_total, self.total = chunks, frames
        number = f"{'about ' * about}{frames}"
        self.of = "" if frames is None else f" of {number}"
        if chunks:
            self.tell(f"labelling {chunks} chunks" + ("" if frames is None else f", {number} frames"))

    def grown(self, chunks: int) -> None:
        """See Report."""
        self.chunks_total += chunks

    def frame(self, medium: str, people: int, propagated: bool = False) -> None:
        """See Report."""
        self.frames, self.people, self.propagated = self.frames + 1, self.people + people, self.propagated + propagated
        if self.clock() - self.told >= self.every_s:
            self._line()

    def done(self, chunk: Done) -> None:
        """See Report."""
        self.chunks += 1

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        """See Report."""
        self.tell(_failure(medium, reason, again, source))

    def waiting(self, chunks: int) -> None:
        """See Report."""
        if self.clock() - self.told >= self.every_s:
            self.told = self.clock()
            self.tell(f"waiting for {chunks} chunks that other workers have")

    def end(self) -> None:
        """Say the last figures."""
        if self.frames:
            self._line()

    def _line(self) -> None:
        self.told = self.clock()
        rate = self.frames / max(self.told - self.started, 1e-9)
        left = "" if self.total is None else f", {duration((self.total - self.frames) / rate)} left"
        propagated = f"{self.propagated} around people only, " if self.propagated else ""
        self.tell(
            f"labelling: {self.frames}{self.of} frames, "
            f"{rate:.1f} frames/s, {self.people / self.frames:.1f} persons a frame, {propagated}"
            f"chunk {self.chunks} of {self.chunks_total}{left}"
        )


@dataclass(slots=True)
class JsonLines(Report):
    """One object a finished or failed chunk; the summary is the command's."""

    tell: Callable[[str], object]

    def done(self, chunk: Done) -> None:
        """See Report."""
        start, end = chunk.stretch
        rate = round(chunk.frames / chunk.seconds, 2) if chunk.seconds else None
        propagated = {"propagated_frames": chunk.propagated} if chunk.propagated else {}
        self._say(
            "done",
            chunk.medium,
            start_frame=start,
            end_frame=end,
            frames=chunk.frames,
            poses=chunk.poses,
            seconds=None if chunk.seconds is None else round(chunk.seconds, 4),
            frames_per_second=rate,
            **propagated,
        )

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        """See Report."""
        self._say("failed" if again else "quarantined", medium, reason=reason, source=source)

    def tracked(self, medium: str) -> None:
        """See Report."""
        self._say("tracked", medium)

    def _say(self, event: str, medium: str, **figures: Any) -> None:
        self.tell(json.dumps({"event": event, "medium": medium, **figures}))


class _Bar(Report):
    def __init__(self, bar: Any) -> None:
        self._bar, self._task = bar, bar.add_task("labelling", total=None)
        self._frames = self._people = self._propagated = 0

    def begin(self, chunks: int, frames: int | None, about: bool = False) -> None:
        self._bar.update(self._task, total=frames, chunks=chunks, chunk=0)

    def grown(self, chunks: int) -> None:
        self._bar.update(self._task, chunks=self._bar.tasks[0].fields.get("chunks", 0) + chunks)

    def frame(self, medium: str, people: int, propagated: bool = False) -> None:
        self._frames, self._people, self._propagated = (
            self._frames + 1,
            self._people + people,
            self._propagated + propagated,
        )
        self._bar.update(self._task, advance=1, people=self._people / self._frames, propagated=self._propagated)

    def done(self, chunk: Done) -> None:
        self._bar.update(self._task, chunk=self._bar.tasks[0].fields.get("chunk", 0) + 1)

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        self._bar.console.print(_failure(medium, reason, again, source), markup=False, highlight=False)


@contextmanager
def _bar() -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        def render(self, task: Any) -> Text:
            said = task.fields
            propagated = f"{said['propagated']} propagated, " if said.get("propagated") else ""
            left = "" if task.time_remaining is None else f", {duration(task.time_remaining)} left"
            return Text(
                f"frames, {task.speed or 0:.1f}/s, {said.get('people', 0):.1f} persons, {propagated}"
                f"chunk {said.get('chunk', 0)} of {said.get('chunks', 0)}{left}"
            )

    one_line = Column(no_wrap=True)
    columns = (
        TextColumn("labelling"),
        BarColumn(None),
        MofNCompleteColumn(table_column=one_line),
        Figures(table_column=one_line),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=60, expand=True) as bar:
        yield _Bar(bar)


def _failure(medium: str, reason: str, again: bool, source: str | None) -> str:
    of = f"{source} ({medium[:12]})" if source else medium[:12]
    return f"{of}: {reason} ({'is tried again' if again else 'quarantined'})"


def duration(seconds: float) -> str:
    """`3 h 05 min`, `4 min 10 s` or `12 s`."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
