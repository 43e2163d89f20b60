"""Pipeline of the edge runtime: sources are read, posed by a few threads, and each source's frames handled in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from posemill.edge.config import EdgeConfig, SourceConfig
from posemill.edge.device import give_memory_back
from posemill.edge.frame_queue import FrameQueue
from posemill.edge.message import EdgeEvent
from posemill.edge.model import EdgeModel
from posemill.edge.outputs import Outputs
from posemill.edge.source import Captured, SourceReader
from posemill.edge.stream import Stream

WAITING = 2  # frames that wait for the pose network, a source; older ones are dropped
POLL_S = 0.1
STOPPED = "the runtime was stopped"
_log = logging.getLogger("posemill.edge")


@dataclass(slots=True, eq=False)
class _Lane:
    """One source with its queue, its reader, and the frames at the pose network."""

    stream: Stream
    queue: FrameQueue[Captured]
    reader: SourceReader
    tickets: int = 0
    at_work: int = 0
    done: bool = field(default=False)


class Runtime:
    """Runs the sources of a configuration until they end or `stop` is called.

    Args:
        config: sources, zones and settings.
        model: of an exported folder, opened for `config.threads` threads.
        outputs: where events go; entered already.
        clock: of live sources.
    """

    def __init__(
        self, config: EdgeConfig, model: EdgeModel, outputs: Outputs, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config, self._model, self._outputs, self._clock = config, model, outputs, clock
        self._changed, self._stopping = threading.Condition(), threading.Event()
        self._lanes = [self._lane(source) for source in config.source]
        self._turn, self._begin_s = 0, clock()
        self._workers = [
            threading.Thread(target=self._work, name=f"posemill-edge-pose-{n}", daemon=True)
            for n in range(config.threads)
        ]

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The sources' streams, in the order of the configuration."""
        return tuple(lane.stream for lane in self._lanes)

    def run(self) -> None:
        """Run until every file has ended, or until `stop`; what is open is ended then."""
        for lane in self._lanes:
            lane.reader.start()
        for worker in self._workers:
            worker.start()
        due_s = self._clock() + self._config.health_s
        while not self._stopping.wait(POLL_S) and not all(lane.done for lane in self._lanes):
            for lane in self._lanes:
                self._finish_ended(lane)
            if self._clock() >= due_s:
                due_s += self._config.health_s
                give_memory_back()
                self._report_health()
        for lane in self._lanes:
            lane.reader.stop()
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
        for worker in self._workers:
            worker.join(10.0)
        for lane in self._lanes:
            if not lane.done:
                lane.done = True
                lane.stream.finish(STOPPED)
        self._report_health()

    def stop(self) -> None:
        """End the run, from a signal handler or another thread."""
        self._stopping.set()

    def health(self) -> dict[str, Any]:
        """Return the state of every source and of the outputs, as JSON values."""
        return {
            "uptime_s": round(self._clock() - self._begin_s, 1),
            "sources": {lane.stream.config.name: self._source_health(lane) for lane in self._lanes},
            "outputs": self._outputs.status,
        }

    def _source_health(self, lane: _Lane) -> dict[str, Any]:
        reader, stream = lane.reader, lane.stream
        return {
            "camera": stream.camera,
            "size_px": list(stream.size_px),
            "rate_hz": round(reader.rate_hz, 2),
            "frames_read": reader.read,
            "frames_posed": stream.frames,
            "frames_dropped": lane.queue.dropped,
            "errors": stream.errors,
            "opened": reader.opened,
            "newest_frame_s_ago": round(self._clock() - reader.last_s, 2) if reader.read else None,
            "latency_ms": stream.latency.percentiles_ms(),
        }

    def _lane(self, source: SourceConfig) -> _Lane:
        stream = Stream(source, self._config, self._model, self._outputs)
        lossless = not source.live and not source.realtime
        queue: FrameQueue[Captured] = FrameQueue(WAITING, self._changed, lossless)
        timeout_s = self._config.camera.timeout_s
        return _Lane(stream, queue, SourceReader(source, timeout_s, queue, stream.latency, stream, self._clock))

    def _work(self) -> None:
        """Pose frames, the sources in turn."""
        while True:
            with self._changed:
                while (lane := self._next()) is None:
                    if self._stopping.is_set():
                        return
                    self._changed.wait(POLL_S)
                captured, ticket = lane.queue.pop(), lane.tickets
                lane.tickets += 1
                lane.at_work += 1
            try:
                self._pose(lane, captured, ticket)
            finally:
                with self._changed:
                    lane.at_work -= 1
                    self._changed.notify_all()

    def _next(self) -> _Lane | None:
        """The next source with a frame, beginning after the one that had its turn."""
        count = len(self._lanes)
        for step in range(count):
            lane = self._lanes[(self._turn + step) % count]
            if len(lane.queue):
                self._turn = (self._turn + step + 1) % count
                return lane
        return None

    def _pose(self, lane: _Lane, captured: Captured, ticket: int) -> None:
        latency = lane.stream.latency
        latency.add("wait", time.perf_counter() - captured.at_s)
        try:
            with latency.timed("pose"):
                poses = self._model.pose(captured.image)
        except Exception as exc:  # a frame that cannot be posed must not end the others
            poses = self._failed(lane, exc)
        try:
            lane.stream.posed(ticket, captured, poses)
        except Exception as exc:
            self._failed(lane, exc)

    def _failed(self, lane: _Lane, error: Exception) -> list[Any]:
        lane.stream.errors += 1
        if lane.stream.errors == 1:
            _log.error("%s: a frame failed", lane.stream.config.name, exc_info=error)
        return []

    def _finish_ended(self, lane: _Lane) -> None:
        with self._changed:
            idle = lane.reader.finished and not len(lane.queue) and not lane.at_work
        if idle and not lane.done:
            lane.done = True
            lane.stream.finish()

    def _report_health(self) -> None:
        now_s = self._clock() - self._begin_s
        health = self.health()
        self._outputs.state("health", health)
        event = EdgeEvent("runtime", "health", None, now_s, now_s, "health of the runtime", now_s, details=health)
        self._outputs.emit(event, "runtime")
