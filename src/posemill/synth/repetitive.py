"""Random repetitive motion with exact truth: no exercise, but any posture and whatever a body can do again and again.

A take is sets of repetitions (a random movement away from a random posture and back, of random joints, tempo and
profile) and what people do between them: stand, walk, talk with their hands, change posture, move once. The counter of
repetitions is trained on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from posemill.pose.skeleton import BODY_12
from posemill.synth.body import Body, rig
from posemill.synth.excursions import Channels, Excursion, mirrored, random_excursion
from posemill.synth.motion import LIMBS, SIDES, TRUNK, Motion, wander
from posemill.synth.random_postures import random_posture
from posemill.synth.rotation import Floats

_MOVABLE = tuple(name for name in TRUNK if not name.endswith("_m")) + tuple(
    f"{side}_{limb}" for side in SIDES for limb in LIMBS if limb != "toe_point"
)
_LONGEST_REST_S = 0.5  # at 0 within a repetition, on either side; a longer one is a pause between repetitions


@dataclass(slots=True, eq=False)
class RepetitiveTake:
    """A take with its truth.

    time_s    (T,) seconds.
    points    (T, 12, 3) metres in the world, keypoints of body-12.
    period_s  (T,) how long the repetition lasts that a moment belongs to; 0 = none.
    spans     start and end of every repetition, seconds, also where a part of it is outside the take.
    cuts      frames at which another camera takes over.
    """

    time_s: Floats
    points: Floats
    period_s: Floats
    spans: list[tuple[float, float]]
    cuts: list[int]


def random_take(rng: np.random.Generator, duration_s: float = 32.0, fps: float = 10.0) -> RepetitiveTake:
    """Make a take of random motion.

    Examples:
        >>> take = random_take(np.random.default_rng(0), duration_s=4.0)
        >>> take.points.shape
        (40, 12, 3)
    """
    draft = _Draft(rng, np.arange(round(duration_s * fps)) / fps, fps)
    draft.fill()
    motion = draft.motion()
    points = rig(Body.random(rng), motion).points
    stacked = np.stack([points[name] for name in BODY_12.keypoints], axis=1)
    return RepetitiveTake(draft.time_s, stacked, draft.period_s, draft.spans, draft.cuts)


def random_motion(rng: np.random.Generator, duration_s: float, fps: float) -> Motion:
    """Make the motion of a take alone, for a body and a camera of one's own.

    Examples:
        >>> len(random_motion(np.random.default_rng(0), 2.0, 10.0).time_s)
        20
    """
    draft = _Draft(rng, np.arange(round(duration_s * fps)) / fps, fps)
    draft.fill()
    return draft.motion()


def _profile(rng: np.random.Generator) -> tuple[Callable[[Floats], Floats], tuple[float, float]]:
    """Return a curve from 0 to 1 and back over the share of a repetition, and the share in which it moves."""
    rest = rng.uniform(0, 0.45) * (rng.random() < 0.6)
    hold = rng.uniform(0, 0.35) * (rng.random() < 0.5)
    out, power = rng.uniform(0.25, 0.75), np.exp(rng.normal(0, 0.25))
    moving = 1 - rest - hold

    def curve(share: Floats) -> Floats:
        at = np.clip(share, 0, 1) - rest / 2
        rising = np.clip(at / (moving * out), 0, 1)
        falling = np.clip((at - moving * out - hold) / (moving * (1 - out)), 0, 1)
        return np.asarray(_smooth(rising) ** power * (1 - _smooth(falling)))

    return curve, (rest / 2, 1 - rest / 2)


def _smooth(u: Floats) -> Floats:
    return u * u * (3 - 2 * u)


@dataclass(slots=True, eq=False)
class _Draft:
    """A take while it is written, from its start to its end."""

    rng: np.random.Generator
    time_s: Floats
    fps: float
    now: float = 0.0
    period_s: Floats = field(init=False)
    spans: list[tuple[float, float]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    offsets: dict[str, Floats] = field(init=False)
    postures: list[tuple[float, Channels]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.period_s = np.zeros(len(self.time_s))
        self.offsets = {name: np.zeros(len(self.time_s)) for name in _MOVABLE}
        self.postures = [(0.0, random_posture(self.rng))]

    @property
    def end_s(self) -> float:
        return len(self.time_s) / self.fps

    def fill(self) -> None:
        """Write sets and what is between them: one endless set, none at all, or both in turn."""
        kind = self.rng.random()
        if kind < 0.22:
            self.now = -self.rng.uniform(0, 2)
            self.repeat(endless=True)
            return
        if self.rng.random() < 0.6 or kind > 0.88:
            self.between()
        while self.now < self.end_s:
            if kind <= 0.88:
                self.repeat()
            if self.now < self.end_s:
                self.between()

    def motion(self) -> Motion:
        """Return the channels over time: postures, what is done from them, and a little wobble."""
        motion = Motion(self.time_s)
        motion.walking = True  # the body's place does not matter
        at = [t for t, _ in self.postures]
        wobble = self.rng.uniform(0.3, 3.0)
        for name in _MOVABLE:
            level = np.interp(self.time_s, at, [posture.get(name, 0.0) for _, posture in self.postures])
            level = np.convolve(np.pad(level, 2, "edge"), np.array([1, 2, 3, 2, 1]) / 9, "valid")
            shake = wander(self.rng, self.time_s, wobble, self.rng.uniform(1.5, 5))
            motion.channels[name] = level + self.offsets[name] + shake
        for side in SIDES:
            for joint in ("knee", "elbow"):
                motion.channels[f"{side}_{joint}"] = np.clip(motion.channels[f"{side}_{joint}"], 0, 155)
        return motion

    def _frames(self, start_s: float, end_s: float) -> slice:
        edges = (int(np.ceil(np.clip(t, 0, self.end_s) * self.fps)) for t in (start_s, end_s))
        return slice(*edges)

    def _add(self, where: slice, channels: dict[str, Floats]) -> None:
        for name, values in channels.items():
            self.offsets[name][where] += values

    # what is repeated

    def repeat(self, endless: bool = False) -> None:
        """Write a set."""
        rng = self.rng
        movement = random_excursion(rng)
        by_turns = movement.one_sided and rng.random() < 0.55
        period = float(np.clip(np.exp(rng.normal(np.log(2.4), 0.5)), 0.5, 9))
        if rng.random() < 0.4:
            period = float(np.exp(rng.uniform(np.log(0.5), np.log(8))))
        number = 999 if endless else 2 + rng.geometric(0.12)
        jitter, drift, pauses = rng.uniform(0.03, 0.2), rng.normal(0, 0.02), rng.random() < 0.3
        write = _RepetitionWriter(rng, movement)
        for i in range(number):
            if self.now >= self.end_s:
                return
            length = period * np.exp(rng.normal(0, jitter)) * (1 + drift) ** min(i, 25)
            self._repetition(write, length, other_side=by_turns and i % 2 == 1)
            self.now += length
            if pauses and rng.random() < 0.3:
                self.now += rng.uniform(0.3, 5)

    def _repetition(self, write: _RepetitionWriter, length: float, other_side: bool) -> None:
        where = self._frames(self.now, self.now + length)
        share = (self.time_s[where] - self.now) / length
        self._add(where, write(share, other_side))
        begins, ends = write.moving
        start = self.now + max(begins * length - _LONGEST_REST_S, 0)
        end = self.now + min(ends * length + _LONGEST_REST_S, length)
        self.period_s[self._frames(start, end)] = end - start
        self.spans.append((start, end))

    # what is not

    def between(self) -> None:
        """Write what people do between sets, often with another posture at its end."""
        rng = self.rng
        duration = float(np.clip(np.exp(rng.normal(1.3, 0.8)), 0.5, 25))
        where = self._frames(self.now, self.now + duration)
        if where.stop > where.start:
            self._something(where)
        self.now += duration
        if rng.random() < 0.55:
            self._change_posture()

    def _something(self, where: slice) -> None:
        rng, t = self.rng, self.time_s[where]
        fade = np.minimum(1, np.minimum(t - t[0], t[-1] - t) / 0.7)
        kind = rng.random()
        if kind < 0.2:
            self._add(where, _steps(rng, t, fade))
        elif 0.45 <= kind < 0.7:
            self._add(where, _speaking_hands(rng, t, fade))
        elif 0.7 <= kind < 0.9:
            self._add(where, _wandering(rng, t, fade))
        elif kind >= 0.9:
            once = np.exp(-(((t - rng.uniform(t[0], t[-1])) / rng.uniform(0.5, 2.5)) ** 4)) * fade
            self._add(where, {name: value * once for name, value in random_excursion(rng).offsets.items()})
        if rng.random() < 0.25:
            for _ in range(rng.integers(1, 4)):
                self._add(where, _gesture(rng, t, fade))

    def _change_posture(self) -> None:
        self.postures.append((self.now, self.postures[-1][1]))
        takes = self.rng.uniform(0.4, 2.5)
        if self.rng.random() < 0.3:
            takes = 0.05
            self.cuts += [int(self.now * self.fps)] if self.now < self.end_s else []
        self.now += takes
        self.postures.append((self.now, random_posture(self.rng)))


class _RepetitionWriter:
    """The offsets of one repetition of a set; every repetition is a little different."""

    def __init__(self, rng: np.random.Generator, movement: Excursion) -> None:
        self._rng, self._movement = rng, movement
        self._curve, self.moving = _profile(rng)
        self._lag = {name: rng.normal(0, 0.04) for name in movement.offsets}
        self._way = random_excursion(rng).offsets if rng.random() < 0.12 else {}  # through another pose
        self._way_at = rng.uniform(0.2, 0.8)

    def __call__(self, share: Floats, other_side: bool) -> dict[str, Floats]:
        """Return the offsets at these shares (T,) of the repetition."""
        size = self._rng.uniform(0.82, 1.08)
        offsets = mirrored(self._movement.offsets) if other_side else self._movement.offsets
        late = np.sin(np.pi * share)
        found = {n: size * x * self._curve(share + self._lag.get(n, 0.0) * late) for n, x in offsets.items()}
        bump = np.exp(-(((share - self._way_at) / 0.12) ** 2)) * np.clip(8 * share, 0, 1) * np.clip(8 - 8 * share, 0, 1)
        for name, x in (mirrored(self._way) if other_side else self._way).items():
            found[name] = found.get(name, 0.0) + 0.8 * x * bump
        return found


def _steps(rng: np.random.Generator, t: Floats, fade: Floats) -> dict[str, Floats]:
    phase, stride = 2 * np.pi * rng.uniform(0.5, 1.1) * t + rng.uniform(0, 6), rng.uniform(10, 30)
    found: dict[str, Floats] = {}
    for side, own in zip(SIDES, (phase, phase + np.pi), strict=True):
        found[f"{side}_hip_flex"] = fade * (6 + stride * np.sin(own))
        found[f"{side}_knee"] = fade * (8 + 50 * np.clip(np.cos(own), 0, 1))
        found[f"{side}_arm_flex"] = -fade * stride * rng.uniform(0.2, 1) * np.sin(own)
    return found


def _speaking_hands(rng: np.random.Generator, t: Floats, fade: Floats) -> dict[str, Floats]:
    spread = np.exp(rng.uniform(np.log(8), np.log(45)))
    sides = SIDES if rng.random() < 0.6 else (SIDES[rng.integers(2)],)
    names = [f"{side}_{channel}" for side in sides for channel in ("arm_flex", "arm_abduct", "elbow", "arm_twist")]
    return {n: fade * wander(rng, t, spread * rng.uniform(0.3, 1), rng.uniform(0.8, 3.5)) for n in names}


def _wandering(rng: np.random.Generator, t: Floats, fade: Floats) -> dict[str, Floats]:
    spread = np.exp(rng.uniform(np.log(2), np.log(30)))
    names = [name for name in _MOVABLE if rng.random() < 0.5]
    return {n: fade * wander(rng, t, spread * (0.4 if n in TRUNK else 1), rng.uniform(1, 5)) for n in names}


def _gesture(rng: np.random.Generator, t: Floats, fade: Floats) -> dict[str, Floats]:
    """An arm goes somewhere and returns."""
    side = SIDES[rng.integers(2)]
    once = np.exp(-(((t - rng.uniform(t[0], t[-1])) / rng.uniform(0.4, 1.5)) ** 4)) * fade
    limits = {"arm_flex": (-20, 110), "elbow": (0, 120), "arm_abduct": (0, 70)}
    return {f"{side}_{channel}": once * rng.uniform(*limit) for channel, limit in limits.items()}
