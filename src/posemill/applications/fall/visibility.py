"""Visibility of people: when a person cannot be judged, and why."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from posemill.applications.fall.geometry import BodyGeometry
from posemill.applications.fall.person import Finding
from posemill.applications.protocol import Severity

SEEN_LONG_S = 1.0  # shorter sightings were perhaps nobody
AGAIN_S = 1.0  # so long without a reason, and the person can be judged again


class Reason(StrEnum):
    """Reason that a person cannot be judged for."""

    CUT_OFF = "cut_off"
    TOO_SMALL = "too_small"
    NOT_FOUND = "not_found"


MESSAGES = {
    Reason.CUT_OFF: "the picture cuts the person off",
    Reason.TOO_SMALL: "the person is too small in the picture",
    Reason.NOT_FOUND: "the person was there and is no longer found: hidden, or the camera is covered",
}


class Visibility:
    """Reason that keeps one person from being judged, reported once it lasts, and its end."""

    def __init__(self, after_s: float, min_body_px: float) -> None:
        self._after_s, self._min_body_px = after_s, min_body_px
        self._reason: Reason | None = None
        self._since_s = self._first_s = self._clear_since_s = -1.0
        self.reported: Reason | None = None

    def seen(self, body: BodyGeometry, length_px: float) -> Iterator[Finding]:
        """Take the geometry of a frame and the length of the standing body in pixels."""
        if self._first_s < 0:
            self._first_s = body.time_s
        too_small = length_px < self._min_body_px
        yield from self._because(
            Reason.TOO_SMALL if too_small else Reason.CUT_OFF if body.cut_off else None, body.time_s
        )

    def missing(self, time_s: float, seen_s: float, left: bool) -> Iterator[Finding]:
        """Take a frame without the person, last found at `seen_s`; `left`: it may have left the picture there."""
        if not left and seen_s - self._first_s >= SEEN_LONG_S:
            yield from self._because(Reason.NOT_FOUND, time_s)

    def _because(self, reason: Reason | None, time_s: float) -> Iterator[Finding]:
        if reason is None:
            self._reason = None
            yield from self._clear(time_s)
            return
        self._clear_since_s = -1.0
        if reason is not self._reason:
            self._reason, self._since_s = reason, time_s
        if reason is not self.reported and time_s - self._since_s >= self._after_s:
            self.reported = reason
            message = f"cannot judge: {MESSAGES[reason]}"
            yield Finding("cannot_judge", Severity.WARNING, self._since_s, message, {"reason": str(reason)})

    def _clear(self, time_s: float) -> Iterator[Finding]:
        if self.reported is None:
            return
        if self._clear_since_s < 0:
            self._clear_since_s = time_s
        if time_s - self._clear_since_s >= AGAIN_S:
            reason, self.reported = self.reported, None
            yield Finding(
                "can_judge", Severity.INFO, self._since_s, "can be judged again", {"reason": str(reason)}, time_s
            )
