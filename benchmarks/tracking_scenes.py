"""Scenes that are hard to track, made of synthetic crossings with exact keypoints: see SETS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack
from posemill.synth.corpus import HIDDEN
from posemill.synth.crossing import Crossing, crossing

LOW_FPS = (5.0, 10.0)
HIDDEN_S = (1.0, 2.0)  # for so long a walker is behind the furniture
PAN_SHARE, PAN_HZ, SHAKE_SHARE = 0.2, (0.25, 0.6), 0.008  # of the picture's width; turns a second
STAGGER_S = (1.0, 2.8)  # after so long the next two people enter
THICK = 0.07  # half the width of a limb that hides others, in heights of the body


def low_rate(scene: Crossing) -> Crossing:
    """Keep every n-th frame, so that 5 to 10 are left of a second."""
    rng = np.random.default_rng([scene.frames, 5])
    step = max(round(scene.fps / rng.uniform(*LOW_FPS)), 2)
    truth = [
        replace(_rows(t, t.frame % step == 0), frame=t.frame[t.frame % step == 0] // step)
        for t in scene.truth
        if (t.frame % step == 0).any()
    ]
    return replace(scene, fps=scene.fps / step, frames=-(-scene.frames // step), truth=tuple(truth))


def behind_furniture(scene: Crossing, seed: int) -> Crossing:
    """Hide everybody for 1 to 2 s behind a piece of furniture as high as the picture."""
    rng = np.random.default_rng([seed, 6])
    speed = np.median([np.median(np.abs(np.gradient(np.nanmean(t.xy[..., 0], 1), t.time_s))) for t in scene.truth])
    body = np.median([np.nanmedian(np.nanmax(t.xy[..., 0], 1) - np.nanmin(t.xy[..., 0], 1)) for t in scene.truth])
    width = float(speed * rng.uniform(*HIDDEN_S) + body)
    left = (scene.width_px - width) / 2 + rng.uniform(-0.1, 0.1) * scene.width_px

    def hidden(track: PoseTrack) -> NDArray[np.bool_]:
        return np.asarray((track.xy[..., 0] > left) & (track.xy[..., 0] < left + width))

    return replace(scene, truth=tuple(_without(t, hidden(t)) for t in scene.truth))


def moving_camera(scene: Crossing, seed: int) -> Crossing:
    """Pan to and fro, with the shake of a hand."""
    rng = np.random.default_rng([seed, 7])
    time_s = np.arange(scene.frames) / scene.fps
    pan = PAN_SHARE * scene.width_px * np.sin(2 * np.pi * (rng.uniform(*PAN_HZ) * time_s + rng.uniform()))
    shake = rng.normal(0, SHAKE_SHARE * scene.width_px, (scene.frames, 2))
    shake = np.apply_along_axis(np.convolve, 0, shake, np.ones(3) / 3**0.5, "same")
    moved = (np.stack([pan, np.zeros_like(pan)], -1) + shake).astype(np.float32)
    truth = []
    for track in scene.truth:
        seen = replace(track, xy=track.xy + moved[track.frame][:, None])
        outside = (seen.xy < 0) | (seen.xy > np.array([scene.width_px, scene.height_px]) - 1)
        truth.append(_without(seen, outside.any(-1)))
    return replace(scene, truth=tuple(truth))


def coming_and_going(seed: int) -> Crossing:
    """Six people, two at a time and up to four in view: who leaves does not come back, others enter where they left."""
    scenes = [crossing(3 * seed + n, 2) for n in range(3)]
    fps, first = scenes[0].fps, scenes[0]
    starts = np.cumsum([0, *np.random.default_rng([seed, 8]).uniform(*STAGGER_S, 2)])
    people: list[PoseTrack] = []
    for start_s, scene in zip(starts.tolist(), scenes, strict=True):
        for track in scene.truth:
            time_s = np.arange(first.frames) / fps
            nearest = np.abs(track.time_s[None] - time_s[:, None]).argmin(1)  # of another frame rate
            rows = np.flatnonzero(np.abs(track.time_s[nearest] - time_s) <= 0.6 / min(fps, scene.fps))
            taken = nearest[rows]
            frame = (rows + round(start_s * fps)).astype(np.int32)
            people.append(
                replace(
                    track,
                    person=len(people),
                    frame=frame,
                    time_s=frame / fps,
                    xy=track.xy[taken],
                    confidence=track.confidence[taken],
                    state=track.state[taken],
                )
            )
    frames = first.frames + round(float(starts[-1]) * fps)
    return replace(first, name=f"coming-{seed}", frames=frames, truth=tuple(_hiding(people)))


def _hiding(people: list[PoseTrack]) -> list[PoseTrack]:
    """Mark keypoints as hidden behind the limbs of whoever is larger in the picture, and so nearer."""
    size = [float(np.median(np.sqrt(box_area(t.xy)))) for t in people]
    marked = []
    for n, track in enumerate(people):
        confidence = track.confidence.copy()
        for m, other in enumerate(people):
            common, mine, theirs = np.intersect1d(track.frame, other.frame, return_indices=True)
            if size[m] > size[n] and len(common):
                near = _near_limbs(track.xy[mine], other.xy[theirs])
                confidence[mine] = np.where(near & (confidence[mine] > 0), HIDDEN, confidence[mine])
        marked.append(replace(track, confidence=confidence))
    return marked


def _near_limbs(xy: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(T, K, 2) twice → (T, K) which keypoints lie on a limb of the other person."""
    height = np.nanmax(other[..., 1], 1) - np.nanmin(other[..., 1], 1)
    near = np.zeros(xy.shape[:2], bool)
    for a, b in COCO_17.edge_index.tolist():
        start, limb = other[:, None, a], (other[:, b] - other[:, a])[:, None]
        along = ((xy - start) * limb).sum(-1) / np.maximum((limb**2).sum(-1), 1e-6)
        away = np.linalg.norm(xy - start - along.clip(0, 1)[..., None] * limb, axis=-1)
        near |= away < (THICK * height)[:, None]
    return near


def _without(track: PoseTrack, gone: NDArray[np.bool_]) -> PoseTrack:
    """The track without these keypoints (T, K), and without frames that have none left."""
    xy = np.where(gone[..., None], np.float32("nan"), track.xy)
    confidence = np.where(gone, np.float32(0), track.confidence)
    return _rows(replace(track, xy=xy, confidence=confidence), np.isfinite(xy[..., 0]).any(1))


def _rows(track: PoseTrack, kept: NDArray[np.bool_]) -> PoseTrack:
    rows = {f: getattr(track, f)[kept] for f in ("frame", "time_s", "xy", "confidence", "state")}
    return replace(track, **rows)


SETS: dict[str, Callable[[int], Crossing]] = {
    "crossings-2": lambda seed: crossing(seed, 2),
    "crossings-3": lambda seed: crossing(seed, 3),
    "crossings-4": lambda seed: crossing(seed, 4),
    "low-rate": lambda seed: low_rate(crossing(seed, 3)),
    "furniture": lambda seed: behind_furniture(crossing(seed, 2), seed),
    "moving-camera": lambda seed: moving_camera(crossing(seed, 3), seed),
    "coming-and-going": coming_and_going,
}
