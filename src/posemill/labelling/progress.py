"""Progress of labelling: a bar at a terminal, a line now and then in a log, JSON lines for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from posemill.store.pose_store import Stretch

EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """One finished chunk.

    seconds     how long it took; None where it was in the store already.
    propagated  frames posed by ROI propagation, see label.roi_propagation.
    """

    medium: str
    stretch: Stretch
    frames: int
    poses: int
    seconds: float | None
    propagated: int = 0


class ProgressReporter:
    """Callbacks of a labelling run; this base class reports nothing."""

    def begin(self, chunks: int, frames: int | None, about: bool = False) -> None:
        """Begin a run of so many chunks and frames; None: unknown, `about`: an estimate, since some are unmeasured."""

    def grown(self, chunks: int) -> None:
        """Add chunks: a medium was measured, and split."""

    def frame(self, medium: str, people: int, propagated: bool = False) -> None:
        """Count one more frame with so many people in it; `propagated`: by ROI propagation."""

    def done(self, chunk: ChunkResult) -> None:
        """Count a chunk that is in the store."""

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        """Report a failed chunk; its medium goes to quarantine, unless it is tried `again`. `source`: its origin."""

    def waiting(self, chunks: int) -> None:
        """Report that the remaining chunks are leased by other workers."""

    def tracked(self, medium: str) -> None:
        """Report that the tracks of a medium are in the store."""


@contextmanager
def progress(quiet: bool = False, as_json: bool = False) -> Iterator[ProgressReporter]:
    """Open a reporter: silent, JSON lines on stdout, a bar on stderr, or lines where stderr is no terminal."""
    if as_json:
        yield JsonLines(lambda line: print(line, flush=True))
    elif quiet:
        yield ProgressReporter()
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        lines = LogLines(lambda line: print(line, file=sys.stderr, flush=True))
        yield lines
        lines.end()


@dataclass(slots=True)
class LogLines(ProgressReporter):
    """One line every `every_s` while frames come, and one at the end."""

    log: Callable[[str], object]
    clock: Callable[[], float] = time.monotonic
    every_s: float = EVERY_S
    total: int | None = None
    of_total: str = ""
    frames: int = 0
    people: int = 0
    propagated: int = 0
    chunks: int = 0
    chunks_total: int = 0
    started_s: float = field(default=0.0)
    logged_s: float = field(default=0.0)

    def begin(self, chunks: int, frames: int | None, about: bool = False) -> None:
        """See ProgressReporter."""
        self.started_s = self.logged_s = self.clock()
        self.chunks_total, self.total = chunks, frames
        number = f"{'about ' * about}{frames}"
        self.of_total = "" if frames is None else f" of {number}"
        if chunks:
            self.log(f"labelling {chunks} chunks" + ("" if frames is None else f", {number} frames"))

    def grown(self, chunks: int) -> None:
        """See ProgressReporter."""
        self.chunks_total += chunks

    def frame(self, medium: str, people: int, propagated: bool = False) -> None:
        """See ProgressReporter."""
        self.frames, self.people, self.propagated = self.frames + 1, self.people + people, self.propagated + propagated
        if self.clock() - self.logged_s >= self.every_s:
            self._line()

    def done(self, chunk: ChunkResult) -> None:
        """See ProgressReporter."""
        self.chunks += 1

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        """See ProgressReporter."""
        self.log(_failure(medium, reason, again, source))

    def waiting(self, chunks: int) -> None:
        """See ProgressReporter."""
        if self.clock() - self.logged_s >= self.every_s:
            self.logged_s = self.clock()
            self.log(f"waiting for {chunks} chunks that other workers have")

    def end(self) -> None:
        """Log the last figures."""
        if self.frames:
            self._line()

    def _line(self) -> None:
        self.logged_s = self.clock()
        rate = self.frames / max(self.logged_s - self.started_s, 1e-9)
        left = "" if self.total is None else f", {duration((self.total - self.frames) / rate)} left"
        propagated = f"{self.propagated} around people only, " if self.propagated else ""
        self.log(
            f"labelling: {self.frames}{self.of_total} frames, "
            f"{rate:.1f} frames/s, {self.people / self.frames:.1f} persons a frame, {propagated}"
            f"chunk {self.chunks} of {self.chunks_total}{left}"
        )


@dataclass(slots=True)
class JsonLines(ProgressReporter):
    """One object a finished or failed chunk; the summary is the command's."""

    log: Callable[[str], object]

    def done(self, chunk: ChunkResult) -> None:
        """See ProgressReporter."""
        start, end = chunk.stretch
        rate = round(chunk.frames / chunk.seconds, 2) if chunk.seconds else None
        propagated = {"propagated_frames": chunk.propagated} if chunk.propagated else {}
        self._event(
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
        """See ProgressReporter."""
        self._event("failed" if again else "quarantined", medium, reason=reason, source=source)

    def tracked(self, medium: str) -> None:
        """See ProgressReporter."""
        self._event("tracked", medium)

    def _event(self, event: str, medium: str, **figures: Any) -> None:
        self.log(json.dumps({"event": event, "medium": medium, **figures}))


class _Bar(ProgressReporter):
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

    def done(self, chunk: ChunkResult) -> None:
        self._bar.update(self._task, chunk=self._bar.tasks[0].fields.get("chunk", 0) + 1)

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        self._bar.console.print(_failure(medium, reason, again, source), markup=False, highlight=False)


@contextmanager
def _bar() -> Iterator[ProgressReporter]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
    from rich.table import Column
    from rich.text import Text

    class Figures(ProgressColumn):
        def render(self, task: Any) -> Text:
            fields = task.fields
            propagated = f"{fields['propagated']} propagated, " if fields.get("propagated") else ""
            left = "" if task.time_remaining is None else f", {duration(task.time_remaining)} left"
            return Text(
                f"frames, {task.speed or 0:.1f}/s, {fields.get('people', 0):.1f} persons, {propagated}"
                f"chunk {fields.get('chunk', 0)} of {fields.get('chunks', 0)}{left}"
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
