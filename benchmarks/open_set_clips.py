"""Clips of known and unknown activities for benchmarks/open_set.py: rendered people, random movement, Penn Action."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.features.pipeline import FeaturePipeline
from posemill.ingest.datasets.penn_action import read_files, sequences
from posemill.ingest.sequence import Fault
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.track import PoseTrack, State
from posemill.pose.window import WindowSpec
from posemill.synth.activities import ACTIVITIES, FALLS, move
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import SIZES, around, random_view, watching
from posemill.synth.corpus import _ON_THE_FLOOR, _WATCHED
from posemill.synth.estimated import Labeller, estimate
from posemill.synth.motion import Motion, Style
from posemill.synth.repetitive import random_motion

SPEC = WindowSpec(duration_s=2.0, stride_s=1.0, rate_hz=24.0, scales=(0.5, 1, 2), smooth_s=0.1)
TAKES = {"train": 36, "validation": 8, "test": 8}  # of every rendered activity
MOVEMENTS = 1200  # random ones, for --none-class
RATES = (10.0, 15.0, 25.0, 30.0)
LEAST_KEYPOINTS = 5
FAMILIES = {
    **dict.fromkeys(("fall", *FALLS), "fall"),
    **dict.fromkeys(("sit", "sit_slowly", "plump_down"), "sit down"),
    **dict.fromkeys(("idle", "stand_about", "asana_mountain"), "stand"),
    **dict.fromkeys(("plank", "asana_plank_pose"), "plank"),
    **dict.fromkeys(("lie_down_bed", "lie_down_floor"), "lie down"),
    **dict.fromkeys(("crouch", "pick_up", "tie_shoes", "play_with_pet", "kneel"), "crouch"),
    **dict.fromkeys(("exercise", "squat", "asana_chair_pose"), "squat"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """Windows (N, T, K, 3) with activity, clip and part of each."""

    windows: NDArray[np.float32]
    activity: NDArray[np.str_]
    clip: NDArray[np.int64]
    part: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Iterator[tuple[PoseTrack, str, str]]) -> Clips:
        """Cut tracks with activity and part."""
        plain, cut = FeaturePipeline(BODY_12, SPEC), []
        for number, (track, activity, part) in enumerate(rows):
            windows, _ = plain.windows(track)
            cut.append((windows, activity, number, part))
        counts = [len(windows) for windows, *_ in cut]
        columns = [np.repeat(np.array(column), counts) for column in list(zip(*cut, strict=True))[1:]]
        return cls(np.concatenate([windows for windows, *_ in cut]), *columns)

    def where(self, rows: NDArray[np.bool_]) -> Clips:
        """Return some windows."""
        return Clips(self.windows[rows], self.activity[rows], self.clip[rows], self.part[rows])


def joined(one: Clips, other: Clips) -> Clips:
    """Return the windows of both."""
    columns = ("windows", "activity", "clip", "part")
    return Clips(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in columns))


def family(activity: str) -> str:
    """Return the family of a rendered activity."""
    return FAMILIES.get(activity, activity.removesuffix("_left").removesuffix("_right"))


def rendered(name: str, seed: int, usual: bool) -> PoseTrack:
    """One take of an activity by somebody, as a pose network reports it; not usual: in another style."""
    rng = np.random.default_rng([seed, list(ACTIVITIES).index(name), usual])
    fps, style = float(rng.choice(RATES)), Style.random(rng)
    if not usual:
        tempo, size = rng.choice([0.65, 1.45]), rng.choice([0.75, 1.15])
        style = replace(style, tempo=float(tempo * rng.uniform(0.95, 1.05)), amplitude=float(size))
    motion = move(name, np.arange(round(rng.uniform(3, 5) * fps)) / fps, style, rng)
    return filmed(motion, fps, name in _WATCHED, name in _ON_THE_FLOOR, rng)


def filmed(motion: Motion, fps: float, watched: bool, floor: bool, rng: np.random.Generator) -> PoseTrack:
    """A motion of some body before some camera."""
    posed: Rig = rig(Body.random(rng), motion)
    points, size = np.concatenate(list(posed.points.values())), SIZES[rng.integers(len(SIZES))]
    if watched:
        camera = watching(points, size, rng)[1]
    else:
        camera = around(points, random_view(rng, floor, motion.walking), size)
    return estimated(camera.project(posed.keypoints())[0], size, fps, rng)


def estimated(exact: NDArray[np.float64], size: tuple[int, int], fps: float, rng: np.random.Generator) -> PoseTrack:
    """Exact keypoints (T, 17, 2) with an estimator's errors."""
    xy, confidence = estimate(exact, size, fps, Labeller.random(rng), rng)
    frames = np.flatnonzero(np.isfinite(xy[..., 0]).any(1)).astype(np.int32)
    state = np.full(len(frames), State.PREDICTED, np.uint8)
    return PoseTrack(COCO_17, 0, frames, frames / fps, xy[frames], confidence[frames], state)


def rendered_clips() -> Clips:
    """Every activity, and in unusual styles (part `styles`)."""

    def rows() -> Iterator[tuple[PoseTrack, str, str]]:
        for name in ACTIVITIES:
            parts = [part for part, takes in TAKES.items() for _ in range(takes)]
            for take, part in enumerate(parts):
                yield rendered(name, take, True), family(name), part
            for take in range(TAKES["test"]):
                yield rendered(name, take, False), family(name), "styles"

    return Clips.of(rows())


def random_movement() -> Clips:
    """Random movement of people, no activity at all."""

    def rows() -> Iterator[tuple[PoseTrack, str, str]]:
        for seed in range(MOVEMENTS):
            rng = np.random.default_rng([seed, 999])
            fps = float(rng.choice(RATES))
            motion = random_motion(rng, rng.uniform(3, 6), fps)
            yield filmed(motion, fps, rng.random() < 0.3, rng.random() < 0.3, rng), "none", "train"

    return Clips.of(rows())


def penn_clips(labels: Path) -> tuple[Clips, Clips]:
    """Return clips as annotated, and with an estimator's errors: every seventh of the train split is for validation."""
    clean, noisy = [], []
    for number, sequence in enumerate(sequences(read_files(labels))):
        if isinstance(sequence, Fault) or not usable(sequence.tracks.tracks):
            continue
        part = sequence.split if sequence.split == "test" else ("validation" if number % 7 == 0 else "train")
        track, size = sequence.tracks.tracks[0], (sequence.tracks.width_px, sequence.tracks.height_px)
        clean.append((track, sequence.activity, str(part)))
        noisy.append((with_errors(track, size, number), sequence.activity, str(part)))
    return Clips.of(iter(clean)), Clips.of(iter(noisy))


def usable(tracks: tuple[PoseTrack, ...]) -> bool:
    """True if there is a person of at least LEAST_KEYPOINTS keypoints: the product's validation rejects others too."""
    counts = [np.isfinite(track.xy[..., 0]).sum(1) for track in tracks if len(track) > 1]
    return bool(counts) and float(np.median(counts[0])) >= LEAST_KEYPOINTS


def with_errors(track: PoseTrack, size: tuple[int, int], seed: int) -> PoseTrack:
    """Annotated keypoints with an estimator's errors; those that are never annotated stay unseen.

    The face's keypoints are put where Penn Action's head is, since errors are shares of the person's size.
    """
    names = {name: i for i, name in enumerate(track.skeleton.keypoints)}
    xy = np.stack([track.xy[:, names.get(name, names["head"])] for name in COCO_17.keypoints], 1).astype(np.float64)
    seen = np.isfinite(xy[..., 0])
    never = ~seen.any(0)
    for k in np.flatnonzero(~never):
        for axis in range(2):
            xy[:, k, axis] = np.interp(track.time_s, track.time_s[seen[:, k]], xy[seen[:, k], k, axis])
    xy[:, never] = np.nanmedian(xy[:, ~never].reshape(-1, 2), axis=0)
    rng = np.random.default_rng([seed, 4])
    found, confidence = estimate(xy, size, 30.0, Labeller.random(rng), rng)
    found[:, never], confidence[:, never] = np.nan, 0
    kept = np.isfinite(found[..., 0]).any(1)
    return PoseTrack(
        COCO_17, 0, track.frame[kept], track.time_s[kept], found[kept], confidence[kept], track.state[kept]
    )


def with_parts(clips: Clips, part: str, unknown: list[str]) -> Clips:
    """Mark what is asked: known clips of the part as `asked`, unknown ones as `unknown`; the rest is to fit on."""
    marked = np.where(np.isin(clips.activity, unknown) & (clips.part == part), "unknown", clips.part)
    if part == "test":
        marked = np.where((marked == "test") & ~np.isin(clips.activity, unknown), "asked", marked)
    else:  # validation clips of two halves: one to fit, one to ask
        marked = np.where((marked == "validation") & (clips.clip % 2 == 0), "asked", marked)
    return replace(clips, part=marked)


def rendered_split(names: list[str], seed: int, part: str) -> tuple[list[str], list[str]]:
    """Return the families that are asked about as unknown, and those that play no part."""
    order, fifth = np.random.default_rng(seed).permutation(sorted(names)).tolist(), len(names) // 5
    sides = order[:fifth], order[fifth : 2 * fifth]
    return (sides[0], sides[1]) if part == "test" else (sides[1], sides[0])
