"""Reader of one source: opens it, samples frames, and opens it again when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import cv2

from posemill.edge.config import SourceConfig
from posemill.edge.frame_queue import FrameQueue
from posemill.edge.latency import StageLatency
from posemill.errors import PosemillError, Unavailable
from posemill.estimation.types import Image
from posemill.video.camera import Camera, redacted_source
from posemill.video.decode import Frame

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 4.0  # before a lost source is opened again; with the timeout less than 10 s
RATE_S = 5.0  # frame rates are measured over this long
RATE_FACTOR = 1.5  # a change that is reported


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """A picture on its way through the stages.

    time_s  seconds from the first frame of the source.
    at_s    the same moment on time.perf_counter's clock: latencies are measured from here.
    """

    image: Image
    time_s: float
    at_s: float


class SourceListener(Protocol):
    """Gets what happens to a source besides its frames."""

    def lost(self, reason: str) -> None:
        """The source does not open, or gives no more frames; it is opened again."""
        ...

    def recovered(self) -> None:
        """A frame came again."""
        ...

    def rate_changed(self, before_hz: float, now_hz: float) -> None:
        """The source gives frames at another rate than before."""
        ...


class SourceReader:
    """Thread that reads a source into a queue until `stop`, or until a file ends.

    Attributes:
        finished: the file was read to its end, or the reader was stopped.
        read: number of frames that the source gave.
        opened: how often it was opened.
        last_s: clock time of the newest frame.
    """

    def __init__(
        self,
        config: SourceConfig,
        timeout_s: float,
        queue: FrameQueue[Captured],
        latency: StageLatency,
        listener: SourceListener,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config, self.finished, self.read, self.opened, self.last_s = config, False, 0, 0, 0.0
        self.rate_hz = 0.0
        self._timeout_s, self._queue, self._latency, self._listener = timeout_s, queue, latency, listener
        self._clock, self._stopping, self._lost = clock, threading.Event(), False
        self._began: float | None = None
        self._rate = _RateWatch()
        self._thread = threading.Thread(target=self._run, name=f"posemill-edge-{config.name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self, patience_s: float = 5.0) -> None:
        """Stop reading; a read that hangs is left to end by itself."""
        self._stopping.set()
        self._queue.close()
        self._thread.join(patience_s)

    def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        try:
            while not self._stopping.is_set():
                before = self.read
                reason = self._read()
                if self._stopping.is_set() or (reason is None and not self.config.live):
                    return
                wait_s = FIRST_WAIT_S if self.read > before else min(2 * wait_s, LONGEST_WAIT_S)
                if not self._lost:
                    self._lost = True
                    self._listener.lost(reason or "the stream ended")
                self._stopping.wait(wait_s)
        finally:
            self.finished = True

    def _read(self) -> str | None:
        """Read until the source ends; returns why, None for a file's end."""
        try:
            with Camera(self.config.url, self._clock, self._timeout_s) as camera:
                self.opened += 1
                self._rate.restart()
                for frame in self._timed(camera):
                    if self._stopping.is_set():
                        return None
                    self._take(frame)
        except (PosemillError, cv2.error) as exc:
            if not self.config.live and not isinstance(exc, Unavailable):
                return None
            return str(exc).strip()
        return f"{redacted_source(self.config.url)} gives no more frames" if self.config.live else None

    def _timed(self, camera: Camera) -> Iterator[Frame]:
        """Frames with the time that reading them took; a file in real time waits for each."""
        frames = camera.sampled_frames(self.config.pose_rate_hz)
        begin = self._clock()
        while True:
            reading = time.perf_counter()
            frame = next(frames, None)
            if frame is None:
                return
            if not self.config.live:
                self._latency.add("decode", time.perf_counter() - reading)
            if self.config.realtime and not self.config.live:
                self._stopping.wait(max(0.0, begin + frame.time_s - self._clock()))
            yield frame

    def _take(self, frame: Frame) -> None:
        now = self._clock()
        self._began = now if self._began is None else self._began
        self.read, self.last_s = self.read + 1, now
        if self._lost:
            self._lost = False
            self._listener.recovered()
        if (change := self._rate.update(frame.index, frame.time_s)) is not None and self.config.live:
            self._listener.rate_changed(*change)
        self.rate_hz = self._rate.rate_hz
        time_s = now - self._began if self.config.live else frame.time_s
        self._queue.put(Captured(frame.image, time_s, time.perf_counter()))


class _RateWatch:
    """Frames a second, over RATE_S."""

    def __init__(self) -> None:
        self.rate_hz = 0.0
        self._first: tuple[int, float] | None = None

    def restart(self) -> None:
        self._first = None

    def update(self, number: int, time_s: float) -> tuple[float, float] | None:
        """Take the number and time of a frame; the rates before and now where they differ much."""
        if self._first is None:
            self._first = (number, time_s)
        count, span_s = number - self._first[0], time_s - self._first[1]
        if span_s < RATE_S:
            return None
        before, self.rate_hz, self._first = self.rate_hz, count / span_s, (number, time_s)
        differs = before and not 1 / RATE_FACTOR < self.rate_hz / before < RATE_FACTOR
        return (before, self.rate_hz) if differs else None
