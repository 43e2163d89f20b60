"""Descents of a body: how far and how fast its head came down, from a short bounded history of its geometry."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, isnan, nan

from posemill.applications.fall.geometry import BodyGeometry

RATE_HZ, KEPT_S = 15.0, 5.0  # samples are kept at no more than this rate, for so long
SMOOTHED = 3  # samples in the running median that removes single wrong poses
SPEED_OVER_S = 0.25  # shorter steps are noise
REFERENCE_S = 1.0  # around the highest place: from there the feet and hips of the upright body are taken
AT_TOP = 0.1  # where the head is within so many body lengths of it
LENGTHENS_S, SHORTENS_S = 0.4, 6.0  # time constants of the body's length: foreshortening only shortens
VANISHING_S = 1.0  # a descent in which a body vanishes began at most so long before
LEFT_TOP = 0.05  # body lengths under its highest place the head has left it
LEAST_DROP = 0.1  # body lengths
UPRIGHT_DEG = 50.0  # of the trunk: only then the length of the body is learned


@dataclass(frozen=True, slots=True)
class Descent:
    """The head's way down from the highest place of the last seconds.

    drop, speed     body lengths; the fastest body lengths a second.
    hip_drop        body lengths that the hips came down.
    started_s       when the head left its highest place.
    length_px       of the body when it began.
    top_y, hip_top_y, floor_y  head, hips and feet before it, pixels.
    """

    drop: float
    speed: float
    hip_drop: float
    started_s: float
    length_px: float
    top_y: float
    hip_top_y: float
    floor_y: float


class History:
    """The newest geometry of one body, thinned to `RATE_HZ`, smoothed, at most `KEPT_S` long."""

    def __init__(self) -> None:
        self._raw: deque[BodyGeometry] = deque(maxlen=SMOOTHED)
        self._samples: deque[BodyGeometry] = deque(maxlen=int(RATE_HZ * KEPT_S) + 2)
        self.length_px = nan

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def newest(self) -> BodyGeometry | None:
        """The newest smoothed sample."""
        return self._samples[-1] if self._samples else None

    @property
    def samples(self) -> Sequence[BodyGeometry]:
        """The smoothed samples, oldest first."""
        return self._samples

    def forget(self, before_s: float = inf) -> None:
        """Drop the samples before a time, keep the body's length: the next ones are not compared with these."""
        while self._samples and self._samples[0].time_s < before_s:
            self._samples.popleft()
        if not self._samples:
            self._raw.clear()

    def add(self, body: BodyGeometry) -> bool:
        """Take a frame's geometry; False where it is nearer to the last sample than the rate allows."""
        if self._samples and body.time_s - self._raw[-1].time_s < 0.9 / RATE_HZ:
            return False
        self._learn_length(body)
        self._raw.append(body)
        self._samples.append(_smoothed(self._raw))
        while self._samples[0].time_s < body.time_s - KEPT_S:
            self._samples.popleft()
        return True

    def _learn_length(self, body: BodyGeometry) -> None:
        if isnan(body.length_px):
            return
        if isnan(self.length_px):
            self.length_px = body.length_px
        elif body.trunk_deg < UPRIGHT_DEG and not body.cut_off:
            elapsed_s = min(body.time_s - self._raw[-1].time_s, 0.3) if self._raw else 1 / RATE_HZ
            constant_s = LENGTHENS_S if body.length_px > self.length_px else SHORTENS_S
            self.length_px += (body.length_px - self.length_px) * min(1.0, elapsed_s / constant_s)

    def descent(self, within_s: float, since_s: float = -inf, least: float = LEAST_DROP) -> Descent | None:
        """Measure the way down to the newest sample from the highest place within so many seconds and since a time.

        None where it is shorter than `least` body lengths.
        """
        newest = self.newest
        if newest is None or newest.head_y - min(s.head_y for s in self._samples) < least * self.length_px:
            return None
        seen = [s for s in self._samples if not isnan(s.head_y) and s.time_s >= since_s]
        if len(seen) < 4 or isnan(self.length_px):
            return None
        now = seen[-1]
        recent = [s for s in seen if s.time_s >= now.time_s - within_s - SPEED_OVER_S]
        top = min(recent, key=lambda s: s.head_y)
        length_px = self.length_px
        before = [
            s for s in seen if abs(s.time_s - top.time_s) <= REFERENCE_S and s.head_y <= top.head_y + AT_TOP * length_px
        ]
        hip_top_y = _median(s.hip_y for s in before)
        feet_y = _median(s.ankle_y for s in before)
        after = [s for s in recent if s.time_s >= top.time_s]
        left = max(s.time_s for s in after if s.head_y <= top.head_y + LEFT_TOP * length_px)
        return Descent(
            drop=(now.head_y - top.head_y) / length_px,
            speed=_fastest(after) / length_px,
            hip_drop=(now.hip_y - hip_top_y) / length_px,
            started_s=left,
            length_px=length_px,
            top_y=top.head_y,
            hip_top_y=hip_top_y,
            floor_y=top.head_y + 0.9 * length_px if isnan(feet_y) else feet_y,
        )

    def speed(self) -> float:
        """Vertical speed of the head now, body lengths a second, down is positive; NaN where it is not known."""
        recent = [s for s in self._samples if not isnan(s.head_y)][-8:]
        if len(recent) < 2:
            return nan
        now = recent[-1]
        before = next((s for s in reversed(recent) if now.time_s - s.time_s >= SPEED_OVER_S), recent[0])
        return (now.head_y - before.head_y) / (now.time_s - before.time_s) / self.length_px

    def vanishing(self) -> Descent | None:
        """Measure the way down at the newest pose, not smoothed: for a body that was not found after it."""
        raw = self._raw[-1] if self._raw else None
        if raw is None or isnan(raw.head_y):
            return None
        self._samples.append(raw)
        descent = self.descent(VANISHING_S)
        self._samples.pop()
        return descent

    def motion(self, over_s: float = 1.0) -> float:
        """Way of the head and hips a second in body lengths: a person at rest has less than about 0.1."""
        recent = [s for s in self._samples if s.time_s >= self._samples[-1].time_s - over_s]
        xs, ys = [s.hip_x for s in recent if not isnan(s.hip_x)], [s.hip_y for s in recent if not isnan(s.hip_y)]
        heads = [s.head_y for s in recent if not isnan(s.head_y)]
        spans = [max(v) - min(v) for v in (xs, ys, heads) if v]
        return max(spans, default=0.0) / self.length_px / over_s


def _smoothed(raw: deque[BodyGeometry]) -> BodyGeometry:
    return replace(
        raw[-1],
        head_x=_median(body.head_x for body in raw),
        head_y=_median(body.head_y for body in raw),
        shoulder_y=_median(body.shoulder_y for body in raw),
        hip_x=_median(body.hip_x for body in raw),
        hip_y=_median(body.hip_y for body in raw),
        knee_y=_median(body.knee_y for body in raw),
        ankle_x=_median(body.ankle_x for body in raw),
        ankle_y=_median(body.ankle_y for body in raw),
        trunk_deg=_median(body.trunk_deg for body in raw),
        thigh_deg=_median(body.thigh_deg for body in raw),
    )


def _median(values: Iterable[float]) -> float:
    known = sorted(value for value in values if value == value)  # NaN is not equal to itself
    middle = len(known) // 2
    if not known:
        return nan
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2


def _fastest(samples: list[BodyGeometry]) -> float:
    """Largest speed down in pixels a second over steps of at least `SPEED_OVER_S`."""
    best, start = 0.0, 0
    for end in range(1, len(samples)):
        while start + 1 < end and samples[end].time_s - samples[start + 1].time_s >= SPEED_OVER_S:
            start += 1
        elapsed_s = samples[end].time_s - samples[start].time_s
        if elapsed_s >= SPEED_OVER_S - 0.01:
            best = max(best, (samples[end].head_y - samples[start].head_y) / elapsed_s)
    return best
