"""Overlay of an application: skeletons, what is said of each person, and the newest event as a banner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from posemill.applications.live import Opened
from posemill.applications.protocol import Annotation, Event, Severity, TrackedFrame
from posemill.applications.run import Step
from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton
from posemill.video.draw import PEOPLE, Colour, Image, draw_pose
from posemill.video.encode import VideoWriter

TONES: dict[Severity, Colour] = {
    Severity.INFO: (255, 255, 255),
    Severity.WARNING: (255, 190, 40),
    Severity.ALARM: (255, 70, 60),
}
DARK: Colour = (20, 20, 20)
FONT_PX = 22  # height of a capital at size 1
SHOWN_S = 3.0  # that an event stays in the banner


class ApplicationOverlay:
    """Draw the frames of one stream in order.

    Examples:
        >>> overlay = ApplicationOverlay(skeleton)                                     # doctest: +SKIP
        >>> image = overlay.draw(image, step.frame, step.outputs, step.annotations)    # doctest: +SKIP
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self._newest: Event | None = None

    def draw(
        self, image: Image, frame: TrackedFrame, events: Sequence[Event], annotations: Sequence[Annotation]
    ) -> Image:
        """Return a copy of the picture (H, W, 3) uint8 RGB with the overlay of this frame."""
        for event in events:
            if self._newest is None or event.severity != Severity.INFO or self._newest.severity == Severity.INFO:
                self._newest = event
        drawn = image.copy()
        for person, pose in frame.people.items():
            drawn = draw_pose(drawn, pose.xy, pose.confidence, self._skeleton, PEOPLE[person % len(PEOPLE)])
        for annotation in annotations:
            self._annotate(drawn, frame, annotation)
        if self._newest is not None and frame.time_s - self._newest.time_s <= SHOWN_S:
            _banner(drawn, self._newest)
        return drawn

    def _annotate(self, image: Image, frame: TrackedFrame, annotation: Annotation) -> None:
        colour = TONES[annotation.severity]
        if annotation.person is None:
            _plate(image, annotation.text, (6 + _unit(image), image.shape[0] - 2 * _unit(image)), colour)
            return
        pose = frame.people.get(annotation.person)
        if pose is None or np.isnan(pose.xy).all():
            return
        for name in annotation.keypoints:
            x, y = pose.xy[self._skeleton.index(name)]
            if np.isfinite(x):
                cv2.circle(image, (round(float(x)), round(float(y))), 3 * _unit(image), colour, _unit(image))
        seen = pose.xy[np.isfinite(pose.xy[:, 0])]
        _plate(image, annotation.text, (int(seen[:, 0].min()), int(seen[:, 1].min()) - 3 * _unit(image)), colour)


@contextmanager
def overlay_writer(target: Path, opened: Opened) -> Iterator[Callable[[Step], None]]:
    """Write an overlay video (MP4): yields a function that takes every step of a run with annotations, in order.

    Errors: InputError where the source has no pictures.
    """
    pictures, facts = opened.pictures, opened.stream.facts
    if pictures is None:
        raise InputError("there are keypoints only, and no video to draw on: leave --overlay out, or give the video")
    overlay = ApplicationOverlay(facts.skeleton)
    target.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(target, opened.fps, facts.width_px, facts.height_px) as writer:

        def draw(step: Step) -> None:
            if step.frame is not None:
                events = [output for output in step.outputs if isinstance(output, Event)]
                image = overlay.draw(next(pictures), step.frame, events, step.annotations)
                writer.write(image, step.frame.time_s)

        yield draw


def _banner(image: Image, event: Event) -> None:
    """The event's message along the upper border, as high as a twentieth of the picture, and narrower where needed."""
    unit, text = _unit(image), _ascii(event.message)
    size, thick = image.shape[0] / 20 / FONT_PX, max(1, unit // 2)
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    size *= min(1.0, (image.shape[1] - 4 * unit) / max(wide, 1))
    cv2.rectangle(image, (0, 0), (image.shape[1], high + 2 * unit), DARK, -1)
    where = (2 * unit, high + unit)
    cv2.putText(image, text, where, cv2.FONT_HERSHEY_SIMPLEX, size, TONES[event.severity], thick, cv2.LINE_AA)


def _plate(image: Image, text: str, low_left: tuple[int, int], colour: Colour) -> None:
    """Text on a dark plate, moved so that all of it is in the picture."""
    text, unit = _ascii(text), _unit(image)
    size, thick = 0.18 * unit, max(1, unit // 2)
    (wide, high), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    left = int(np.clip(low_left[0], unit, max(image.shape[1] - wide - 2 * unit, unit)))
    low = int(np.clip(low_left[1], high + unit, image.shape[0] - unit))
    cv2.rectangle(image, (left - unit, low - high - unit), (left + wide + unit, low + unit), DARK, -1)
    cv2.putText(image, text, (left, low), cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick, cv2.LINE_AA)


def _unit(image: Image) -> int:
    """Width of a line, pixels: grows with the picture."""
    return max(2, round(float(np.sqrt(image.shape[0] * image.shape[1])) / 200))


def _ascii(text: str) -> str:
    """OpenCV's font has no other letters."""
    return text.replace("°", " deg").replace("\N{NARROW NO-BREAK SPACE}", " ").encode("ascii", "replace").decode()
