"""A corpus of rendered clips: which subject does what before which camera, all from one seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.synth import room
from posemill.synth.activities import ACTIVITIES, USUAL, move
from posemill.synth.asanas import YOGA
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import RATES, SIZES, Camera, View, around, random_view, watching
from posemill.synth.everyday import EVERYDAY
from posemill.synth.falls import FALLS
from posemill.synth.flesh import HAIRS, SKINS, Look, dress
from posemill.synth.motion import FallMoments, Motion, Style
from posemill.synth.render import Sensor, frames

LABELLER = "synthetic-truth"
HIDDEN = 0.5  # confidence of a keypoint behind furniture: known exactly, but not to be seen
_LOW_ASANAS = ("downward_dog", "cobra", "plank_pose", "child_pose", "bridge", "easy_seat")
_GYM_FLOOR = ("mountain_climber", "leg_raise", "glute_bridge", "burpee")
_ON_THE_FLOOR = (
    *_GYM_FLOOR,
    "push_up",
    "plank",
    "fall",
    "sit_up",
    "bench_press",
    *(f"asana_{name}" for name in _LOW_ASANAS),
)
_WATCHED = (*FALLS, *EVERYDAY)  # filmed as a camera that watches over a room does
_LENGTHS_S = dict.fromkeys(FALLS, (5.0, 8.0)) | dict.fromkeys(EVERYDAY, (5.0, 8.0)) | dict.fromkeys(YOGA, (3.5, 5.5))
_RATE_SHARE = (1 / np.array(RATES)) / (1 / np.array(RATES)).sum()  # every rate gets the same number of frames


@dataclass(frozen=True, slots=True)
class Plan:
    """One clip to render; the same plan always gives the same clip.

    duration_s  None = as long as clips of the activity usually are.
    fps         frames a second; None = one of the rates that cameras have.
    """

    seed: int
    subject: int
    activity: str
    take: int
    duration_s: float | None = None
    fps: float | None = None

    @property
    def name(self) -> str:
        """Unique name, also the file's."""
        length = "" if self.duration_s is None else f"-{self.duration_s:g}s"
        rate = "" if self.fps is None else f"-{self.fps:g}fps"
        return f"{self.subject_name}-{self.activity}-{self.take}{length}{rate}"

    @property
    def subject_name(self) -> str:
        """The subject's name in the database."""
        return f"synth{self.seed}-{self.subject:02d}"


@dataclass(frozen=True, slots=True, eq=False)
class SynthClip:
    """A clip with its truth. Pictures are rendered when asked for.

    truth   one track: xy exact in pixels, NaN where a keypoint is outside the picture; confidence 1, or 0.5 where
            furniture hides the keypoint. Keypoints hidden by the body itself stay, as COCO's annotators do it.
    camera  such as "oblique+41": the view and its azimuth in degrees, positive from the person's left.
    falls   exact moments of the falls in it.
    """

    plan: Plan
    fps: float
    width_px: int
    height_px: int
    camera: str
    truth: PoseTrack
    _scene: _Scene
    falls: tuple[FallMoments, ...] = ()

    def images(self) -> Iterator[NDArray[np.uint8]]:
        """Every picture, (height_px, width_px, 3) uint8 RGB; the same every time."""
        return self._scene.images()

    def tracks(self, medium: str) -> MediumTracks:
        """The truth as the tracks of a stored medium, `medium` being its digest."""
        return MediumTracks(
            medium=medium,
            labeller=LABELLER,
            skeleton=COCO_17,
            width_px=self.width_px,
            height_px=self.height_px,
            frames=len(self.truth),
            duration_s=len(self.truth) / self.fps,
            tracks=(self.truth,),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Scene:
    """Everything that the renderer needs."""

    plan: Plan
    body: Body
    look: Look
    rig: Rig
    camera: Camera
    backdrop: room.Backdrop

    def images(self) -> Iterator[NDArray[np.uint8]]:
        rng = _rng(self.plan, "sensor")
        surface = dress(self.body, self.rig, self.look)
        return frames(surface, self.rig, self.camera, self.backdrop, Sensor.random(rng), rng)


def plan(
    seed: int,
    subjects: int = 12,
    activities: Sequence[str] = tuple(USUAL),
    clips_per_activity: int = 1,
    duration_s: float | None = None,
    fps: float | None = None,
) -> list[Plan]:
    """Every clip of a corpus: `clips_per_activity` takes of every activity by every subject.

    duration_s  of every clip; None = as its activity usually is.
    fps         frames a second of every clip; None = of each one of the rates that cameras have.
    """
    unknown = sorted(set(activities) - set(ACTIVITIES))
    if unknown or not activities or subjects < 1 or clips_per_activity < 1 or seed < 0:
        raise InputError(
            "a corpus needs seed >= 0, subjects >= 1, clips_per_activity >= 1 and activities out of "
            f"{', '.join(ACTIVITIES)}; came seed {seed}, subjects {subjects}, clips_per_activity {clips_per_activity}, "
            f"unknown activities {unknown}"
        )
    return [
        Plan(seed, subject, activity, take, duration_s, fps)
        for take in range(clips_per_activity)
        for subject in range(1, subjects + 1)
        for activity in dict.fromkeys(activities)
    ]


def generate(
    seed: int, subjects: int = 12, activities: Sequence[str] = tuple(USUAL), clips_per_activity: int = 1
) -> Iterator[SynthClip]:
    """The clips of a corpus, one by one. A subject keeps body, style and face in every clip, not the clothes."""
    return (stage(p) for p in plan(seed, subjects, activities, clips_per_activity))


def stage(plan: Plan) -> SynthClip:
    """Set up one clip: who, how, seen from where; truth at once, pictures later."""
    person = _rng(plan, "subject")
    body, style = Body.random(person), Style.random(person)
    skin, hair = SKINS[person.integers(len(SKINS))], HAIRS[person.integers(len(HAIRS))]
    look_rng, rng = _rng(plan, "look"), _rng(plan, "motion")
    look = Look.random(look_rng, skin, hair, bool(person.uniform() < 0.4))
    usual_fps = float(rng.choice(RATES, p=_RATE_SHARE))
    fps = usual_fps if plan.fps is None else plan.fps
    if plan.activity == "crawl":  # as small children do
        body = Body.child(np.random.default_rng([plan.seed, len(_STREAMS), plan.subject]))
    usual_s = rng.uniform(*_LENGTHS_S.get(plan.activity, (2.2, 2.9)))
    time_s = np.arange(round((usual_s if plan.duration_s is None else plan.duration_s) * fps)) / fps
    motion = move(plan.activity, time_s, style, rng)
    posed = rig(body, motion)
    view, camera = _film(plan, posed)
    backdrop = _place(plan, posed, motion, camera)
    scene = _Scene(plan, body, look, posed, camera, backdrop)
    truth = ground_truth_track(posed, camera, backdrop, time_s)
    name = f"{view.name}{view.azimuth_deg:+.0f}"
    return SynthClip(plan, fps, camera.width_px, camera.height_px, name, truth, scene, motion.falls)


def write(clip: SynthClip, folder: Path) -> Path:
    """Render a clip into `folder` as MP4 and say where it is."""
    from posemill.video.encode import VideoWriter

    path = Path(folder) / f"{clip.plan.name}.mp4"
    crf = int(_rng(clip.plan, "encoder").integers(20, 28))
    with VideoWriter(path, clip.fps, clip.width_px, clip.height_px, crf=crf) as video:
        for image, time_s in zip(clip.images(), clip.truth.time_s.tolist(), strict=True):
            video.write(image, time_s)
    return path


def ground_truth_track(posed: Rig, camera: Camera, backdrop: room.Backdrop, time_s: NDArray[np.float64]) -> PoseTrack:
    """The exact keypoints in the picture, see SynthClip.truth."""
    xy, depth = camera.project(posed.keypoints())
    size = np.array([camera.width_px, camera.height_px])
    inside = np.asarray((np.isfinite(xy) & (xy >= 0) & (xy <= size - 1)).all(-1))
    pixel = np.where(inside[..., None], xy, 0).round().astype(int)
    hidden = backdrop.furniture[pixel[..., 1], pixel[..., 0]] < depth - 0.05
    return PoseTrack(
        skeleton=COCO_17,
        person=0,
        frame=np.arange(len(time_s), dtype=np.int32),
        time_s=np.asarray(time_s, np.float64),
        xy=np.where(inside[..., None], xy, np.nan).astype(np.float32),
        confidence=np.where(inside, np.where(hidden, HIDDEN, 1.0), 0.0).astype(np.float32),
        state=np.full(len(time_s), State.PREDICTED, np.uint8),
    )


def _film(plan: Plan, posed: Rig) -> tuple[View, Camera]:
    rng = _rng(plan, "camera")
    points = np.concatenate(list(posed.points.values()))
    points = np.concatenate([points, posed.points["head"] + (0, 0.12, 0)])
    if plan.activity in _WATCHED:
        sizes = [size for size in SIZES if size[0] > size[1]]
        return watching(points, sizes[rng.integers(len(sizes))], rng)
    view = random_view(rng, plan.activity in _ON_THE_FLOOR, plan.activity == "walk", plan.activity == "wave")
    wide = np.ptp(points[:, [0, 2]], axis=0).max() > 1.25 * np.ptp(points[:, 1])
    sizes = [s for s in SIZES if not wide or s[0] > s[1]]  # nobody films a push-up upright
    return view, around(points, view, sizes[rng.integers(len(sizes))])


def _place(plan: Plan, posed: Rig, motion: Motion, camera: Camera) -> room.Backdrop:
    rng = _rng(plan, "room")
    points = np.concatenate(list(posed.points.values()))
    standing = plan.activity not in (*_ON_THE_FLOOR, *_WATCHED) and not motion.walking
    boxes = room.furnish(points, camera, bool(standing and rng.uniform() < 0.12), rng)
    if motion.chair:
        x, y, z = posed.points["pelvis"][-1].tolist()
        boxes += room.chair(y - 0.085, x, z + 0.06, rng)
    if motion.ground is not None and motion.ground.pelvis_m.any():
        boxes += _seat(posed, motion, rng)
    return room.build(camera, boxes, float(np.abs(points[:, [0, 2]]).max()), rng)


def _seat(posed: Rig, motion: Motion, rng: np.random.Generator) -> list[room.Box]:
    """The chair or the bed that a scripted body rests on."""
    assert motion.ground is not None
    resting = motion.ground.pelvis_m
    used = np.flatnonzero(resting > 0.9 * resting.max())
    trunk = posed.points["neck"] - posed.points["pelvis"]
    ankle_y = (posed.points["left_ankle"][used, 1] + posed.points["right_ankle"][used, 1]) / 2
    level = used[(np.abs(trunk[used, 1]) < 0.2) & (ankle_y > 0.5 * resting.max())]
    at = int(level[len(level) // 2]) if len(level) else int(used[len(used) // 2])
    pelvis, height = posed.points["pelvis"][at], float(resting.max())
    if not len(level):
        return room.chair(height, float(pelvis[0]), float(pelvis[2]) + 0.02, rng)
    others = posed.points["pelvis"] - pelvis
    return [room.bed(pelvis, trunk[at], others[np.hypot(others[:, 0], others[:, 2]).argmax()], height, rng)]


_STREAMS = ("subject", "look", "motion", "camera", "room", "sensor", "encoder")


def _rng(plan: Plan, stream: str) -> np.random.Generator:
    """A generator for one side of a clip, so that a change in one leaves the others as they were."""
    key = [plan.seed, _STREAMS.index(stream), plan.subject]
    if stream != "subject":
        key += [list(ACTIVITIES).index(plan.activity), plan.take]
    return np.random.default_rng(key)
