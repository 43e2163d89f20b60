"""Presentation time of frames: seconds since the first one, whatever the file's timestamps do."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.stream import VideoStream

GLUED_S = 1.0  # a clock that jumps back by more than this starts again: videos glued together
AHEAD_S = 10.0  # and by more than this ahead, where clocks are not one from beginning to end; players draw it there too
_DISCONTINUOUS = ("mpegts", "mpeg")  # containers of broadcasts, whose clock may be set anew at any time


def longest_step_s(stream: VideoStream) -> float:
    """Return how far ahead the timestamps of two successive pictures may lie before the clock was set anew."""
    return AHEAD_S if stream.container.format.name in _DISCONTINUOUS else float("inf")


class Clock:
    """Seconds since the first frame, strictly increasing. Where a timestamp is missing, one frame after the last."""

    def __init__(self, stream: VideoStream) -> None:
        self.step_s = 1 / float(stream.average_rate or stream.guessed_rate or 25)
        self.longest_step_s = longest_step_s(stream)
        self.zero_s: float | None = None
        self.last_s = -self.step_s

    def of(self, stamp: int | None, time_base: Fraction | None) -> float:
        """The time of the next frame. stamp: its timestamp, in units of `time_base` seconds."""
        follows_s = self.last_s + self.step_s
        if stamp is None or not time_base:
            time_s = follows_s
        else:
            time_s = self._on_axis(stamp * time_base.numerator / time_base.denominator, follows_s)
        self.last_s = time_s
        return time_s

    def of_all(self, stamps: Sequence[int], time_base: Fraction | None) -> list[float]:
        """The times of successive frames."""
        return [self.of(stamp, time_base) for stamp in stamps]

    def _on_axis(self, at: float, follows_s: float) -> float:
        if self.zero_s is None or not -GLUED_S <= at - self.zero_s - self.last_s <= self.longest_step_s:
            self.zero_s = at - follows_s
            return follows_s
        # old AVI files exchange neighbouring timestamps; half a frame on, the next true one fits again
        time_s = at - self.zero_s
        return time_s if time_s > self.last_s else self.last_s + self.step_s / 2
