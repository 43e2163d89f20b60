"""Keypoint error model of a labeller, fitted where ground truth is known; augmentation then draws such errors.

Errors are in parts of the person's size: the longer side of the box around the true keypoints, a high quantile over the
track. That is what the feature pipeline divides windows by, so it is the unit of normalised windows before `spread`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.features.pipeline import EXTENT_QUANTILE
from posemill.pose.conversion import common
from posemill.pose.gaps import found_only
from posemill.pose.geometry import box_size
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack

FORMAT = "posemill-noise-1"
JUMP = 0.15  # an error of more than this part of the person is a jump, unless left and right are swapped
NEAR = 0.5  # a found pose further away than this, on average, is of somebody else
APART = 0.05  # left and right closer than this cannot be told apart


@dataclass(frozen=True, slots=True)
class FittedNoise:
    """Fitted keypoint error model; one list entry a keypoint.

    keypoints    names.
    poses        on which this was fitted.
    jitter       standard deviation of the error in x and in y around the track's mean error, without jumps.
    memory_s     the error's correlation falls to 1/e in this time.
    jump_rate    share of sightings that are jumps; jump_size their root mean square error in x and in y.
    swap_rate    share of poses in which the keypoint is swapped with its other side; 0 for those without one.
    drop_rate    share of true keypoints that were not found.
    jump_s, swap_s, drop_s  mean duration of such an error, of all keypoints together.
    """

    keypoints: tuple[str, ...]
    poses: int
    jitter: tuple[float, ...]
    memory_s: float
    jump_rate: tuple[float, ...]
    jump_size: float
    jump_s: float
    swap_rate: tuple[float, ...]
    swap_s: float
    drop_rate: tuple[float, ...]
    drop_s: float

    def of(self, name: str, skeleton: Skeleton) -> NDArray[np.float32]:
        """Return one of the lists for the keypoints of a skeleton; one that was not fitted takes the median."""
        known = dict(zip(self.keypoints, getattr(self, name), strict=True))
        other = float(np.median(list(known.values())))
        return np.array([known.get(k, other) for k in skeleton.keypoints], np.float32)

    def save(self, path: Path) -> None:
        """Write noise.json."""
        path.write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> FittedNoise:
        """Read noise.json; CheckpointError when it is of another format."""
        try:
            fields: dict[str, Any] = json.loads(path.read_text())
            if fields.pop("format") != FORMAT:
                raise CheckpointError(f"{path}: expected format {FORMAT}; run `posemill stage label` again")
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            return cls(**values)
        except (KeyError, TypeError, json.JSONDecodeError) as exc:
            raise CheckpointError(f"{path} is not a noise.json of posemill: {exc!r}; write it again") from exc


@dataclass(frozen=True, slots=True, eq=False)
class _Errors:
    """Errors on one true person. error (T, K, 2), NaN where not found; the masks are (T, K); step_s between frames."""

    error: NDArray[np.float32]
    true: NDArray[np.bool_]
    jump: NDArray[np.bool_]
    swap: NDArray[np.bool_]
    step_s: float


def fit_noise(pairs: Iterable[tuple[MediumTracks, MediumTracks]]) -> FittedNoise | None:
    """Fit the error model to (predicted, true) tracks of media; None where no true person was found.

    Only keypoints that the labeller and the first ground truth both have, by name, are compared.
    """
    parts: list[_Errors] = []
    skeleton: Skeleton | None = None
    for predicted, true in pairs:
        skeleton = skeleton or common(predicted.skeleton, true.skeleton)
        if not set(skeleton.keypoints) <= set(true.skeleton.keypoints):
            continue  # ground truth of fewer keypoints than the first one's
        people = [found_only(track.to(skeleton)) for track in predicted.tracks]
        parts += [e for track in true.tracks if (e := _errors(track.to(skeleton), people)) is not None]
    if skeleton is None or not parts:
        return None
    jump, swap = [p.jump for p in parts], [p.swap for p in parts]
    lost = [p.true & np.isnan(p.error[..., 0]) for p in parts]
    seen = np.concatenate([~np.isnan(p.error[..., 0]) for p in parts])
    true_ = np.concatenate([p.true for p in parts])
    fine = [np.where((p.jump | p.swap)[..., None], np.nan, p.error) for p in parts]
    fine = [e - np.nan_to_num(np.where(np.isnan(e), 0, e).sum(0) / np.maximum((~np.isnan(e)).sum(0), 1)) for e in fine]
    every = np.concatenate(fine)
    jumps = np.concatenate([p.error[p.jump] for p in parts])
    steps = [p.step_s for p in parts]
    return FittedNoise(
        skeleton.keypoints,
        int(seen.any(1).sum()),
        _listed(np.sqrt(_mean(every**2, (0, 2)))),
        _memory(fine, steps),
        _listed(np.concatenate(jump).sum(0) / np.maximum(seen.sum(0), 1)),
        float(np.sqrt((jumps**2).mean())) if len(jumps) else 0.0,
        _lasting(jump, steps),
        _listed(np.concatenate(swap).sum(0) / np.maximum(seen.sum(0), 1)),
        _lasting(swap, steps),
        _listed(np.concatenate(lost).sum(0) / np.maximum(true_.sum(0), 1)),
        _lasting(lost, steps),
    )


def _errors(true: PoseTrack, predicted: list[PoseTrack]) -> _Errors | None:
    """Measure the errors of the predicted poses nearest to a true person's, frame by frame."""
    if len(true) < 2:
        return None
    size = max(float(np.quantile(box_size(true.xy).max(-1), EXTENT_QUANTILE)), 1e-3)
    nearest = np.full(len(true), NEAR)
    xy = np.full_like(true.xy, np.nan)
    for track in predicted:
        _, mine, theirs = np.intersect1d(true.frame, track.frame, return_indices=True)
        away = _mean(np.linalg.norm(track.xy[theirs] - true.xy[mine], axis=-1) / size, 1)
        better = away < nearest[mine]
        nearest[mine[better]], xy[mine[better]] = away[better], track.xy[theirs[better]]
    if not (nearest < NEAR).any():
        return None
    known = ~np.isnan(true.xy[..., 0])
    error = np.asarray((xy - true.xy) / size, np.float32)
    with np.errstate(invalid="ignore"):
        swap = _swapped(xy / size, true.xy / size, true.skeleton)
        jump = (np.linalg.norm(error, axis=-1) > JUMP) & ~swap
    found_at = (nearest < NEAR)[:, None]  # a person who is not found at all is not a keypoint that is lost
    return _Errors(error, known & found_at, jump, swap, float(np.median(np.diff(true.time_s))))


def _swapped(xy: NDArray[np.float32], true: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.bool_]:
    """Return (T, K) where a pair fits much better with its sides swapped; they must be apart to tell."""
    flip = skeleton.flip_index
    straight = np.linalg.norm(xy - true, axis=-1)
    crossed = np.linalg.norm(xy - true[:, flip], axis=-1)
    both, swapped = straight + straight[:, flip], crossed + crossed[:, flip]
    apart = np.linalg.norm(true - true[:, flip], axis=-1)
    return np.asarray((swapped < 0.5 * both) & (apart > APART))


def _memory(errors: list[NDArray[np.float32]], steps: list[float]) -> float:
    """Return the time in which the correlation of errors falls to 1/e, seconds, from neighbouring frames."""
    together = sum(float(np.nansum(e[1:] * e[:-1])) for e in errors)
    alone = sum(float(np.nansum(np.where(np.isnan(e[1:]), np.nan, e[:-1] ** 2))) for e in errors)
    correlation = min(max(together / max(alone, 1e-12), 1e-3), 0.999)
    return round(-float(np.median(steps)) / float(np.log(correlation)), 4)


def _lasting(masks: list[NDArray[np.bool_]], steps: list[float]) -> float:
    """Return the mean duration of runs of True along time, seconds; one frame where there is none."""
    frames = sum(int(m.sum()) for m in masks)
    begun = sum(int(m[0].sum() + (m[1:] & ~m[:-1]).sum()) for m in masks)
    return round(frames / max(begun, 1) * float(np.median(steps)), 4) or round(float(np.median(steps)), 4)


def _mean(x: NDArray[Any], axis: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Mean that leaves NaN out; infinite where all are NaN, so that it is never the nearest."""
    known = ~np.isnan(x)
    count = known.sum(axis)
    return np.asarray(np.where(count, np.where(known, x, 0).sum(axis) / np.maximum(count, 1), np.inf))


def _listed(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(round(float(v), 5) if np.isfinite(v) else 0.0 for v in values)
