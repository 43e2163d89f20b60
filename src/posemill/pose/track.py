"""Tracks: one person's keypoints over time, and all tracks of one medium."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import SkeletonError
from posemill.pose.skeleton import Skeleton, conversion_index


class State(IntEnum):
    """Where a pose in a track comes from."""

    PREDICTED = 0
    INTERPOLATED = 1
    CORRECTED = 2


@dataclass(frozen=True, slots=True, eq=False)
class PoseTrack:
    """One person's keypoints over time. Only frames in which the person was found have a row.

    person      number of the person within the medium, from 0.
    frame       (T,) int32, frame number in the medium, strictly increasing.
    time_s      (T,) float64, seconds from the medium's first frame, strictly increasing.
    xy          (T, K, 2) float32, pixels, origin top-left; NaN = not seen.
    confidence  (T, K) float32, 0..1, 0 where not seen; not comparable across pose models.
    state       (T,) uint8, see State.
    z           (T, K) float32 depth away from the camera, in the unit of x and y, NaN where they are; None = a picture.
    """

    skeleton: Skeleton
    person: int
    frame: NDArray[np.int32]
    time_s: NDArray[np.float64]
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    state: NDArray[np.uint8]
    z: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        t, k = len(self.frame), len(self.skeleton)
        wanted = {
            "frame": ((t,), np.int32),
            "time_s": ((t,), np.float64),
            "xy": ((t, k, 2), np.float32),
            "confidence": ((t, k), np.float32),
            "state": ((t,), np.uint8),
        } | ({} if self.z is None else {"z": ((t, k), np.float32)})
        for name, (shape, dtype) in wanted.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise SkeletonError(
                    f"track of person {self.person}: {name} should be {shape} {np.dtype(dtype)} for skeleton "
                    f"{self.skeleton.name}, came as {array.shape} {array.dtype}"
                )
        if (np.diff(self.frame) <= 0).any() or not (np.diff(self.time_s) > 0).all():
            raise SkeletonError(f"track of person {self.person}: frames and times must strictly increase")
        seen = ~np.isnan(self.xy).any(-1)
        if (np.isnan(self.xy).any(-1) != np.isnan(self.xy).all(-1)).any() or np.isinf(self.xy).any():
            raise SkeletonError(f"track of person {self.person}: a keypoint is finite in x and y, or NaN in both")
        if self.z is not None and ((np.isnan(self.z) == seen).any() or np.isinf(self.z).any()):
            raise SkeletonError(f"track of person {self.person}: z is finite where x and y are, and NaN elsewhere")
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all() or self.confidence[~seen].any():
            raise SkeletonError(f"track of person {self.person}: confidence is 0..1, and 0 where a keypoint is NaN")

    def __len__(self) -> int:
        return len(self.frame)

    def to(self, target: Skeleton) -> PoseTrack:
        """The same track with the target's keypoints, by name; SkeletonError where one would be invented."""
        index = conversion_index(self.skeleton, target)
        z = None if self.z is None else self.z[:, index]
        return replace(self, skeleton=target, xy=self.xy[:, index], confidence=self.confidence[:, index], z=z)

    def rows(self, which: NDArray[Any]) -> PoseTrack:
        """Some of the rows, by a mask (T,) or by ascending places."""
        return replace(
            self,
            frame=self.frame[which],
            time_s=self.time_s[which],
            xy=self.xy[which],
            confidence=self.confidence[which],
            state=self.state[which],
            z=None if self.z is None else self.z[which],
        )

    def between(self, start_s: float, end_s: float) -> PoseTrack:
        """The rows with start_s <= time_s < end_s."""
        return self.rows((self.time_s >= start_s) & (self.time_s < end_s))


@dataclass(frozen=True, slots=True, eq=False)
class MediumTracks:
    """All tracks of one medium, with what is needed to read them alone.

    medium      digest of the medium.
    labeller    fingerprint of what found the keypoints ("imported" for keypoints that came with the data).
    width_px, height_px  of the upright picture.
    frames      number of frames looked at (also those without a person).
    duration_s  of the medium.
    """

    medium: str
    labeller: str
    skeleton: Skeleton
    width_px: int
    height_px: int
    frames: int
    duration_s: float
    tracks: tuple[PoseTrack, ...]

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0 or self.frames < 0 or not self.duration_s >= 0:
            raise SkeletonError(f"medium {self.medium[:12]}: size, frames and duration must be positive")
        if any(t.skeleton != self.skeleton for t in self.tracks):
            raise SkeletonError(f"medium {self.medium[:12]}: all tracks must have skeleton {self.skeleton.name}")
        if len({t.z is None for t in self.tracks}) > 1:
            raise SkeletonError(f"medium {self.medium[:12]}: either all tracks have z or none")
        if len({t.person for t in self.tracks}) != len(self.tracks):
            raise SkeletonError(f"medium {self.medium[:12]}: two tracks have the same person number")

    @property
    def deep(self) -> bool:
        """Whether there are tracks, and they have z."""
        return any(t.z is not None for t in self.tracks)
