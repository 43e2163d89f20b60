"""One source's frames in order: track, predict, and report what happened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.applications.protocol import Measurement
from posemill.edge.activity import ENDED, ActivityEvents
from posemill.edge.applications import ApplicationEvents
from posemill.edge.config import EdgeConfig, SourceConfig
from posemill.edge.latency import StageLatency
from posemill.edge.message import INFO, WARNING, EdgeEvent
from posemill.edge.model import EdgeModel
from posemill.edge.outputs import Outputs
from posemill.edge.source import Captured
from posemill.edge.view import ViewChange, ViewWatch, advice
from posemill.edge.zones import ZoneEvents
from posemill.estimation.tracking import OnlineTracker
from posemill.estimation.types import FramePoses, Image, Pose
from posemill.pose.skeleton import COCO_17
from posemill.prediction.live_windows import LivePredictor

SKELETON = COCO_17  # of every pose network of an export
GONE_MORE_S = 0.5  # after the tracker gave somebody up


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """The newest picture with its people and what they do, for previews."""

    image: Image
    people: Mapping[int, Pose]
    activities: Mapping[int, str]


class Stream:
    """Everything that one source's frames go through after the pose network, in order.

    Frames are given back by several threads in any order; `posed` puts them in order again. A SourceListener.
    """

    def __init__(self, config: SourceConfig, settings: EdgeConfig, model: EdgeModel, outputs: Outputs) -> None:
        self.config, self.latency, self.frames, self.errors = config, StageLatency(), 0, 0
        self.camera, self.size_px = "opening", (0, 0)
        self.shown: Shown | None = None
        self._settings, self._model, self._outputs = settings, model, outputs
        self._lock = threading.RLock()
        self._waiting: dict[int, tuple[Captured, Sequence[Pose]]] = {}
        self._next, self._time_s, self._network_s = 0, 0.0, 0.0
        self._lost_s: float | None = None
        self._view = ViewWatch(settings.camera)
        self._states: dict[str, Any] = {}
        self._applications = ApplicationEvents(model.applications(), SKELETON, config.name)
        self._restart()

    def posed(self, ticket: int, captured: Captured, poses: Sequence[Pose]) -> None:
        """Take the poses of a frame; tickets are from 0 without gaps."""
        with self._lock:
            self._waiting[ticket] = captured, poses
            while self._next in self._waiting:
                self._take(*self._waiting.pop(self._next))
                self._next += 1

    def lost(self, reason: str) -> None:
        """See SourceListener. What people did is over; who is found again within the tracker's gap keeps a number."""
        with self._lock:
            self._lost_s = time.monotonic()
            self._end_people(f"the source was lost: {reason}")
            self._camera("lost")
            message = f"{self.config.name} is lost: {reason}; it is opened again"
            self._report("lost", message, fault="lost", reason=reason)

    def recovered(self) -> None:
        """See SourceListener."""
        with self._lock:
            away_s = time.monotonic() - (self._lost_s or time.monotonic())
            self._view.restart()
            self._camera("running")
            message = f"{self.config.name} is back after {away_s:.1f} s"
            self._report("recovered", message, over=True, fault="lost", away_s=round(away_s, 2))

    def rate_changed(self, before_hz: float, now_hz: float) -> None:
        """See SourceListener."""
        with self._lock:
            message = f"{self.config.name} gives {now_hz:.1f} frames a second, before {before_hz:.1f}"
            rates = {"before_hz": round(before_hz, 2), "now_hz": round(now_hz, 2)}
            self._report("rate_changed", message, over=True, **rates)

    def finish(self, reason: str = ENDED) -> None:
        """End everything that is open, when the source or the runtime ends."""
        with self._lock:
            self._end_people(reason)
            for fault in sorted(self._view.faults):
                self._fault(ViewChange(fault, False, self._time_s))
            self._camera("ended")
            self._outputs.state(f"{self.config.name}/camera", None)

    def _take(self, captured: Captured, poses: Sequence[Pose]) -> None:
        size_px = captured.image.shape[1], captured.image.shape[0]
        if size_px != self.size_px:
            self._resized(size_px)
        if self.camera == "opening":
            self._camera("running")
        self._time_s, self.frames = captured.time_s, self.frames + 1
        for change in self._view.update(captured.image, captured.time_s):
            self._fault(change)
        with self.latency.timed("track"):
            people = self._tracker.update(FramePoses(self.frames, captured.time_s, poses))
        events = self._predicted(captured, people)
        events += self._zones.update(captured.time_s, people, size_px)
        with self.latency.timed("events"):
            for event in events:
                self._emit(event)
            self._publish()
        if self._applications:
            with self.latency.timed("applications"):
                self._say(self._applications.update(self.frames, captured.time_s, people, size_px))
        self._show(captured.image, people)

    def _predicted(self, captured: Captured, people: Mapping[int, Pose]) -> list[EdgeEvent]:
        """Activity events; the time of features is what is left of prediction without its network."""
        begin, self._network_s, predictions = time.perf_counter(), 0.0, [0]

        def count() -> None:
            predictions[0] += 1

        events = self._activities.update(captured.time_s, people, count)
        if predictions[0]:
            now = time.perf_counter()
            self.latency.add("prediction", self._network_s)
            self.latency.add("features", now - begin - self._network_s)
            self.latency.add("frame_to_verdict", now - captured.at_s)
        return events

    def _show(self, image: Image, people: Mapping[int, Pose]) -> None:
        if self._settings.http.preview:
            named = {person: known.activity for person, known in self._activities.open.items()}
            for person, text in self._applications.texts().items():
                named[person] = f"{named[person]}, {text}" if person in named else text
            shown = np.zeros_like(image) if self._settings.keypoints_only else image
            self.shown = Shown(shown, people, named)
        if self._settings.poses:
            self._outputs.line(
                {
                    "type": "poses",
                    "source": self.config.name,
                    "time_s": round(self._time_s, 4),
                    "people": {str(person): _points(pose) for person, pose in people.items()},
                }
            )

    def _resized(self, size_px: tuple[int, int]) -> None:
        before, self.size_px = self.size_px, size_px
        if before == (0, 0):
            return
        self._end_people("the picture has another size")
        self._restart()
        self._view.restart()
        message = f"{self.config.name}: pictures of {size_px[0]}×{size_px[1]}, before {before[0]}×{before[1]}"
        self._report("size_changed", message, over=True, before_px=list(before), now_px=list(size_px))

    def _fault(self, change: ViewChange) -> None:
        source, fault = self.config.name, change.fault
        self._camera(fault if change.begun else "running")
        if change.begun:
            self._report(fault, f"{source} is {fault}: {advice(fault)}", change.start_s, fault=fault)
        else:
            self._report("recovered", f"{source} is no longer {fault}", change.start_s, over=True, fault=fault)

    def _report(
        self, kind: str, message: str, start_s: float | None = None, *, over: bool = False, **details: Any
    ) -> None:
        """Report something of the camera, which lasts until a `recovered` of its fault unless it is over."""
        now_s = self._time_s
        severity = INFO if kind == "recovered" else WARNING
        begin_s, end_s = now_s if start_s is None else start_s, now_s if over else None
        self._emit(EdgeEvent("camera", kind, None, now_s, begin_s, message, end_s, severity, details))

    def _end_people(self, reason: str) -> None:
        for event in [*self._activities.end_all(self._time_s, reason), *self._zones.end_all(self._time_s)]:
            self._emit(event)
        self._say(self._applications.end_all())
        self._publish()

    def _restart(self) -> None:
        """Nobody is where they were: begin anew."""
        tracking = self._model.tracking
        classifier = self._model.classifier
        timed = None if classifier is None else LivePredictor(replace(classifier, run=self._timed(classifier.run)))
        gone_s = tracking.max_gap_s + GONE_MORE_S
        self._tracker = OnlineTracker(SKELETON, tracking)
        self._activities = ActivityEvents(timed, SKELETON, self._settings.activity, gone_s)
        self._zones = ZoneEvents(self.config.zone, SKELETON, gone_s)

    def _timed(
        self, run: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    ) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        def timed(windows: NDArray[np.float32]) -> NDArray[np.float32]:
            begin = time.perf_counter()
            logits = run(windows)
            self._network_s += time.perf_counter() - begin
            return logits

        return timed

    def _camera(self, state: str) -> None:
        self.camera = state
        self._outputs.state(f"{self.config.name}/camera", {"state": state})

    def _publish(self) -> None:
        """Bring the broker's states up to date: what people do, and where they are."""
        states: dict[str, Any] = {
            f"{self.config.name}/person/{person}/activity": {
                "activity": known.activity,
                "activity_id": known.id,
                "start_s": round(known.start_s, 3),
            }
            for person, known in self._activities.open.items()
        }
        states |= {f"{self.config.name}/zone/{z}": {"people": n} for z, n in self._zones.occupied.items()}
        for topic in self._states.keys() - states.keys():
            self._outputs.state(topic, None)
        for topic, value in states.items():
            if self._states.get(topic) != value:
                self._outputs.state(topic, value)
        self._states = states

    def _say(self, said: Sequence[EdgeEvent | Measurement]) -> None:
        """Send an application's events; its measurements are lines only."""
        for each in said:
            if isinstance(each, EdgeEvent):
                self._emit(each)
            else:
                self._outputs.line({"source": self.config.name, "measurement": asdict(each)})

    def _emit(self, event: EdgeEvent) -> None:
        self._outputs.emit(event, self.config.name)


def _points(pose: Pose) -> list[list[float] | None]:
    """x, y, confidence of every keypoint; null = not seen."""
    rows = np.concatenate([pose.xy, pose.confidence[:, None]], 1).astype(float).round(2)
    return [None if np.isnan(row).any() else row.tolist() for row in rows]
