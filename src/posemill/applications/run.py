"""Running an application over a stream: the one loop that a file, a camera, the service and a flow share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from posemill.applications.protocol import Annotation, Application, Event, Measurement, Output, TrackedFrame
from posemill.applications.result import ApplicationResult
from posemill.applications.sources import Stream

MOST_KEPT = 100_000  # events and measurements that a result holds; a live stream passes them on and keeps none


class Step(NamedTuple):
    """A frame with what the application said of it; the last step has no frame."""

    frame: TrackedFrame | None
    outputs: tuple[Output, ...]
    annotations: tuple[Annotation, ...]


def steps(application: Application[Any], stream: Stream, annotate: bool = False) -> Iterator[Step]:
    """Run frame by frame and yield what is said as soon as it is; nothing is kept.

    annotate  also ask for what an overlay shows.
    """
    application.start(stream.facts)
    for frame in stream.frames:
        outputs = tuple(application.update(frame))
        yield Step(frame, outputs, tuple(application.annotations()) if annotate else ())
    yield Step(None, tuple(application.finish()), ())


def run(
    application: Application[Any], stream: Stream, on_step: Callable[[Step], object] | None = None
) -> ApplicationResult:
    """Run an application over a whole stream and collect what it said.

    on_step  called after every frame, for progress and channels; None: annotations are not asked for.

    Examples:
        >>> from posemill.applications.registry import find_application
        >>> result = run(find_application("repetitions")(), stream)                    # doctest: +SKIP
        >>> result.summary                                                             # doctest: +SKIP
    """
    collected = Collector(application, stream)
    for step in steps(application, stream, annotate=on_step is not None):
        collected.add(step)
        if on_step is not None:
            on_step(step)
    return collected.result()


class Collector:
    """Collect the steps of a run into a result, the newest events and measurements of an endless one."""

    def __init__(self, application: Application[Any], stream: Stream, most: int = MOST_KEPT) -> None:
        self._application, self._facts, self._most = application, stream.facts, most
        self._events: list[Event] = []
        self._measurements: list[Measurement] = []
        self._people: set[int] = set()
        self._frames, self._last_s = 0, 0.0

    def add(self, step: Step) -> None:
        """Take the next step."""
        for output in step.outputs:
            if isinstance(output, Event):
                self._events.append(output)
            else:
                self._measurements.append(output)
        del self._events[: -self._most], self._measurements[: -self._most]
        if step.frame is not None:
            self._frames += 1
            self._last_s = step.frame.time_s
            self._people.update(step.frame.people)

    def result(self) -> ApplicationResult:
        """Return everything so far."""
        application, facts = self._application, self._facts
        return ApplicationResult(
            application=application.name,
            title=application.title,
            source=facts.source,
            params=application.params.model_dump(mode="json"),
            skeleton=facts.skeleton.name,
            width_px=facts.width_px,
            height_px=facts.height_px,
            frames=self._frames,
            duration_s=self._last_s,
            people=len(self._people),
            events=tuple(self._events),
            measurements=tuple(self._measurements),
            summary=application.summary(),
            limits=application.limits,
            notice=application.notice,
        )
