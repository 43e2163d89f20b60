"""Form coach on rendered people with exact joint angles, from 36 azimuths and three camera heights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.coach import FormCoach
from posemill.applications.coach.judgement import Verdict
from posemill.applications.coach.measures import KINDS, Seen
from posemill.applications.coach.rules import EXERCISES, Phase, Rule, RuleSet, rules_of
from posemill.applications.protocol import Event, StreamFacts, TrackedFrame, TrackedPose
from posemill.pose.skeleton import COCO_17
from posemill.synth.camera import View, around
from posemill.synth.exercise_faults import FAULTS, Performance, perform

AZIMUTHS_DEG = tuple(range(5, 360, 10))  # between those of the coach's reference views
HEIGHTS_M = (0.5, 1.0, 1.6)
SIZE_PX = (1280, 720)
HELD_S = 3.0  # how long an answer stands


@dataclass
class Moments:
    """Counts of moments: a frame in which a rule is due. `held`: an answer of the last three seconds stands."""

    due: int = 0
    answered: int = 0
    frames: int = 0
    held: int = 0

    def add(self, other: Moments) -> None:
        """Add other counts."""
        for name in ("due", "answered", "frames", "held"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass
class Verdicts:
    """Counts of one rule: frames in which it is due, faults said and wrong, correct said and wrong."""

    due: int = 0
    faulty: int = 0
    fault: int = 0
    fault_wrong: int = 0
    correct: int = 0
    correct_wrong: int = 0


@dataclass
class Clip:
    """What the coach said of one clip.

    fault        added to the exercise; None = none.
    corrections  (rule, right) of every correction given.
    """

    exercise: str
    fault: str | None
    azimuth_deg: int
    height_m: float
    moments: Moments = field(default_factory=Moments)
    rules: dict[str, Verdicts] = field(default_factory=dict)
    corrections: list[tuple[str, bool]] = field(default_factory=list)


def clips(takes: int, noise_m: float, exercises: tuple[str, ...] = EXERCISES) -> Iterator[Clip]:
    """Every exercise from every view, the faults by turns, another person each time."""
    for exercise in exercises:
        options = (None, *FAULTS[exercise])
        for take in range(takes):
            for i, azimuth in enumerate(AZIMUTHS_DEG):
                for k, height in enumerate(HEIGHTS_M):
                    seed = 1000 * take + 3 * i + k
                    done = perform(exercise, options[(i + k + take) % len(options)], seed, 6.0, 12.0)
                    yield coached(done, azimuth, height, noise_m, seed)


def coached(done: Performance, azimuth: int, height: float, noise_m: float, seed: int) -> Clip:
    """Show one performance to the coach and compare with the exact angles."""
    rng = np.random.default_rng(seed)
    world = done.rig.keypoints()
    camera = around(world.reshape(-1, 3), View(azimuth, height, rng.uniform(40, 60), 0.75, 0.0), SIZE_PX)
    xy, depth = camera.project(world)
    xy = xy + rng.normal(0, 1, xy.shape) * noise_m * camera.focal_px / depth[..., None]
    rules, clip = rules_of(done.exercise), Clip(done.exercise, done.fault, azimuth, height)
    truth = Truth(rules, world[..., [2, 1, 0]], azimuth)
    coach = FormCoach(exercise=done.exercise)
    coach.start(StreamFacts(COCO_17, *SIZE_PX))
    answered_s = -np.inf
    clip.rules = {rule.name: Verdicts() for rule in rules.rules}
    for frame, time_s in enumerate(done.time_s.tolist()):
        pose = TrackedPose(xy[frame].astype(np.float32), np.ones(17, np.float32))
        events = coach.update(TrackedFrame(frame, time_s, {0: pose}))
        clip.corrections += [(e.details["rule"], truth.right(e, frame)) for e in events if is_correction(e)]
        due, answered = _compare(clip, truth, coach, frame)
        answered_s = time_s if answered else answered_s
        clip.moments.add(Moments(int(due), int(due and answered), 1, int(time_s - answered_s <= HELD_S)))
    return clip


def is_correction(event: object) -> bool:
    """True for the event that speaks of a fault."""
    return isinstance(event, Event) and event.kind == "correction"


class Truth:
    """Exact measures of a performance, every frame. space (T, 17, 3): forward, up, left."""

    def __init__(self, rules: RuleSet, space: NDArray[np.float64], azimuth: int) -> None:
        seen = Seen(space, np.full(len(space), np.sin(np.deg2rad(azimuth)) > 0))
        self.rules: Mapping[str, Rule] = {rule.name: rule for rule in rules.rules}
        self.excess = {
            name: np.array([r.excess(float(v)) for v in KINDS[r.measure.kind].function(seen, *r.measure.points)])
            for name, r in self.rules.items()
        }
        self.bottom = np.zeros(len(space), bool)
        if rules.repetition is not None:
            angle = KINDS["angle"].function(seen, *rules.repetition.angle)
            self.bottom = angle <= rules.repetition.bottom_deg

    def due(self, name: str, frame: int) -> bool:
        """True if a rule that is judged in every frame is due in this one."""
        phase = self.rules[name].phase
        return phase is Phase.ANY or (phase is Phase.BOTTOM and bool(self.bottom[frame]))

    def right(self, event: Event, frame: int) -> bool:
        """True if the exact measure was outside the limit while the coach saw the fault.

        A rule of the range of motion is right if no frame of the last two seconds was within the limit.
        """
        name = str(event.details["rule"])
        if self.rules[name].phase is Phase.REPETITION:
            return bool((self.excess[name][max(0, frame - 24) : frame + 1] > 0).all())
        first, last = int(event.details["first_frame"] or 0), int(event.details["last_frame"] or 0)
        frames = [f for f in range(first, last + 1) if self.due(name, f)] or [last]
        return bool(np.median(self.excess[name][frames]) > 0)


def _compare(clip: Clip, truth: Truth, coach: FormCoach, frame: int) -> tuple[bool, bool]:
    """Count the verdicts of a frame. Returns: a rule is due; a rule was answered."""
    judgement = coach.judgement(0)
    due = False
    for name, counts in clip.rules.items():
        if not truth.due(name, frame):
            continue
        due, faulty = True, bool(truth.excess[name][frame] > 0)
        verdict = judgement.rules[name].verdict if judgement else Verdict.ABSTAIN
        counts.due += 1
        counts.faulty += faulty
        counts.fault += verdict is Verdict.FAULT
        counts.fault_wrong += verdict is Verdict.FAULT and not faulty
        counts.correct += verdict is Verdict.CORRECT
        counts.correct_wrong += verdict is Verdict.CORRECT and faulty
    return due, judgement is not None and judgement.answered
