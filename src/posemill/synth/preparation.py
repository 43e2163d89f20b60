"""Clips as they are filmed: somebody stands or walks up, then does the activity, and is done before the end."""

from __future__ import annotations

import numpy as np

from posemill.synth import activities, gestures, work
from posemill.synth.gym import Activity, on_the_feet
from posemill.synth.motion import Motion, Style, rise
from posemill.synth.performances import Interval, Performance, Performer
from posemill.synth.rotation import Floats

LEAST_LEFT = 0.35  # of the clip, that the activity fills
_STANDING: tuple[tuple[str, Activity], ...] = (
    ("stand", activities.idle),
    ("stand", activities.idle),
    ("stand", on_the_feet(gestures.talk_with_hands)),
    ("walk", activities.walk),
    ("walk", work.walk_varied),
)


def prepared(activity: Activity, name: str, share: float = 0.35) -> Performer:
    """Return a performer of an activity on the feet, before or after which the person stands about or walks.

    share  of the clips in which there is a before, an after, or both.
    """

    def perform(time_s: Floats, style: Style, rng: np.random.Generator) -> Performance:
        motion = Motion(time_s)
        activity(motion, style, rng)
        start, end = float(time_s[0]), float(time_s[-1])
        whole: list[Interval] = [(start, end, name)]
        if motion.hands_down or motion.ground is not None or motion.chair or rng.uniform() >= share:
            return Performance(motion, tuple(whole))
        spare = (1 - LEAST_LEFT) * (end - start)
        before = rng.uniform(0.15, 1.0) * spare if rng.uniform() < 0.65 else 0.0
        after = rng.uniform(0.15, 1.0) * (spare - before) if before == 0.0 or rng.uniform() < 0.3 else 0.0
        blend = rng.uniform(0.25, 0.8)
        intervals: list[Interval] = [(start + before, end - after, name)]
        for first in (True, False):
            length = before if first else after
            if length <= 0:
                continue
            what, other = _STANDING[int(rng.integers(len(_STANDING)))]
            calm = Motion(time_s)
            other(calm, style, rng)
            share_of = rise(time_s, start + length - blend / 2, blend)
            if not first:
                share_of = 1 - rise(time_s, end - length - blend / 2, blend)
            _blend(motion, calm, share_of)
            intervals.append((start, start + length, what) if first else (end - length, end, what))
        return Performance(motion, tuple(intervals))

    return perform


def _blend(motion: Motion, other: Motion, share: Floats) -> None:
    """Mix the channels of another motion into this one; share (T,) of this one."""
    for name, values in motion.channels.items():
        motion.channels[name] = share * values + (1 - share) * other.channels[name]
    motion.held_left = share * motion.held_left + (1 - share) * other.held_left
    motion.walking = motion.walking or other.walking
