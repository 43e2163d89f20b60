"""Pose tracks: one person's keypoints over time, and the tracks of everybody in one medium."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from posemill.errors import InputError, SkeletonError
from posemill.pose.skeleton import Skeleton, conversion_index
from posemill.pose.unseen import hide_not_found

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


class State(IntEnum):
    """Origin of a pose in a track."""

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
    z           (T, K) float32 depth away from the camera, in the unit of x and y, NaN where they are; None = 2-D.

    Examples:
        >>> import numpy as np
        >>> from posemill import SKELETONS, PoseTrack
        >>> track = PoseTrack.from_numpy(np.ones((50, 17, 2)), SKELETONS["coco-17"], fps=25)
        >>> len(track), track.xy.shape, float(track.time_s[-1])
        (50, (50, 17, 2), 1.96)
        >>> len(track.between(0.0, 1.0))
        25
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

    @classmethod
    def from_numpy(
        cls,
        xy: ArrayLike,
        skeleton: Skeleton,
        *,
        fps: float,
        confidence: ArrayLike | None = None,
        person: int = 0,
    ) -> PoseTrack:
        """Build a track from keypoints (T, K, 2) in pixels, one pose a frame at `fps`; NaN = not seen.

        What other tools write for a keypoint they did not find, 0, 0 or -1, -1, is not seen either: see `pose.unseen`.

        Args:
            confidence: (T, K), 0..1; None = 1 where a keypoint is seen.

        Errors: SkeletonError where shapes or values do not fit.
        """
        keypoints = np.asarray(xy, np.float32)
        if keypoints.ndim != 3 or not fps > 0:
            raise SkeletonError(f"keypoints should be (T, K, 2) at fps > 0, came {keypoints.shape} at {fps}")
        given = None if confidence is None else np.asarray(confidence, np.float32)
        keypoints, known = hide_not_found(keypoints, given)
        if known is None:
            known = ~np.isnan(keypoints[..., 0])
        frame = np.arange(len(keypoints), dtype=np.int32)
        state = np.zeros(len(frame), np.uint8)
        return cls(skeleton, person, frame, frame / fps, keypoints, known.astype(np.float32), state)

    def __len__(self) -> int:
        return len(self.frame)

    def to(self, target: Skeleton) -> PoseTrack:
        """Convert to the target's keypoints, by name. Errors: SkeletonError where one would be invented.

        Examples:
            >>> import numpy as np
            >>> from posemill import SKELETONS, PoseTrack
            >>> track = PoseTrack.from_numpy(np.ones((50, 17, 2)), SKELETONS["coco-17"], fps=25)
            >>> track.to(SKELETONS["body-12"]).xy.shape
            (50, 12, 2)
        """
        index = conversion_index(self.skeleton, target)
        z = None if self.z is None else self.z[:, index]
        return replace(self, skeleton=target, xy=self.xy[:, index], confidence=self.confidence[:, index], z=z)

    def rows(self, which: NDArray[Any]) -> PoseTrack:
        """Select rows by a mask (T,) or by ascending positions."""
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
        """Select the rows with start_s <= time_s < end_s."""
        return self.rows((self.time_s >= start_s) & (self.time_s < end_s))

    def to_numpy(self) -> NDArray[np.float32]:
        """Return the keypoints (T, K, 2) float32, pixels, NaN = not seen: the track's own array, not a copy."""
        return self.xy

    def to_dataframe(self) -> pd.DataFrame:
        """Convert to pandas: a row a pose, with the columns of the CSV format.

        Columns: person, frame, time_s, state, and for every keypoint <name>_x, <name>_y (pixels; NaN = not seen) and
        <name>_confidence; <name>_z where the track is 3-D.
        """
        import pandas as pd

        columns: dict[str, Any] = {
            "person": np.full(len(self), self.person, np.int32),
            "frame": self.frame,
            "time_s": self.time_s,
            "state": [State(state).name.lower() for state in self.state.tolist()],
        }
        for k, name in enumerate(self.skeleton.keypoints):
            columns |= {f"{name}_x": self.xy[:, k, 0], f"{name}_y": self.xy[:, k, 1]}
            columns |= {} if self.z is None else {f"{name}_z": self.z[:, k]}
            columns[f"{name}_confidence"] = self.confidence[:, k]
        return pd.DataFrame(columns)

    def to_xarray(self) -> xr.Dataset:
        """Convert to an xarray Dataset as `movement` reads it, see MediumTracks.to_xarray.

        Between the first and the last pose a frame without one is NaN. Without such gaps `position` and `confidence`
        are views of the track's arrays.
        """
        fps = _frame_rate((self,))
        step = _frame_step((self,))
        first, last = (int(self.frame[0]), int(self.frame[-1])) if len(self) else (0, -1)
        numbers = np.arange(first, last + 1, step, dtype=np.int32)
        return _dataset((self,), self.skeleton, FrameTimes(numbers, _times_s((self,), numbers, fps)), fps)

    def _repr_html_(self) -> str:
        from posemill.report.notebook import track_html

        return track_html(self)


@dataclass(frozen=True, slots=True, eq=False)
class FrameTimes:
    """Frames of a medium that were analysed, with people or without.

    number  (F,) int32, number of the frame in the medium, from 0; strictly increasing.
    time_s  (F,) float64, seconds from the first frame; strictly increasing.
    """

    number: NDArray[np.int32]
    time_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.number.shape != self.time_s.shape or self.number.ndim != 1:
            raise SkeletonError(f"frames and their times differ: {self.number.shape} and {self.time_s.shape}")
        if len(self.number) and not (np.diff(self.number) > 0).all():
            raise SkeletonError("numbers of frames must be strictly increasing")
        if len(self.number) and not (np.diff(self.time_s) > 0).all():
            raise SkeletonError("times of frames must be strictly increasing")

    def __len__(self) -> int:
        return len(self.number)

    def between(self, start_s: float, end_s: float) -> FrameTimes:
        """Return the frames with start_s <= time < end_s."""
        inside = (self.time_s >= start_s) & (self.time_s < end_s)
        return FrameTimes(self.number[inside], self.time_s[inside])


@dataclass(frozen=True, slots=True, eq=False)
class MediumTracks:
    """All tracks of one medium, with what is needed to read them alone.

    medium      digest of the medium.
    labeller    fingerprint of what found the keypoints ("imported" for keypoints that came with the data).
    width_px, height_px  of the upright picture.
    frames      number of frames analysed (also those without a person).
    duration_s  of the medium.
    analysed    numbers and times of these frames, as the labeller recorded them; None where keypoints came without.
    source      path of the video, where there is one to draw on; neither stored nor compared.

    Examples:
        >>> import numpy as np
        >>> from posemill import SKELETONS, MediumTracks, PoseTrack
        >>> track = PoseTrack.from_numpy(np.ones((50, 17, 2)), SKELETONS["coco-17"], fps=25)
        >>> tracks = MediumTracks("clip", "imported", track.skeleton, 640, 480, 50, 2.0, (track,))
        >>> tracks.fps, len(tracks.to_dataframe()), tracks.to_numpy()[0].shape
        (25.0, 50, (50, 17, 2))
    """

    medium: str
    labeller: str
    skeleton: Skeleton
    width_px: int
    height_px: int
    frames: int
    duration_s: float
    tracks: tuple[PoseTrack, ...]
    analysed: FrameTimes | None = field(default=None, compare=False)
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.width_px <= 0 or self.height_px <= 0 or self.frames < 0 or not self.duration_s >= 0:
            raise SkeletonError(f"medium {self.medium[:12]}: size, frames and duration must be positive")
        if self.analysed is not None and len(self.analysed) != self.frames:
            raise SkeletonError(
                f"medium {self.medium[:12]}: {self.frames} frames were analysed, {len(self.analysed)} are recorded"
            )
        if any(t.skeleton != self.skeleton for t in self.tracks):
            raise SkeletonError(f"medium {self.medium[:12]}: all tracks must have skeleton {self.skeleton.name}")
        if len({t.z is None for t in self.tracks}) > 1:
            raise SkeletonError(f"medium {self.medium[:12]}: either all tracks have z or none")
        if len({t.person for t in self.tracks}) != len(self.tracks):
            raise SkeletonError(f"medium {self.medium[:12]}: two tracks have the same person number")

    def others(self, track: PoseTrack) -> list[PoseTrack]:
        """Return the tracks of everybody but the person of `track`."""
        return [other for other in self.tracks if other.person != track.person]

    @property
    def is_3d(self) -> bool:
        """True if there are tracks and they have z."""
        return any(t.z is not None for t in self.tracks)

    @property
    def fps(self) -> float:
        """Frames a second of the medium, from its last pose; 25 where there is no pose after the first frame."""
        return _frame_rate(self.tracks)

    @property
    def frame_times(self) -> FrameTimes:
        """Frames that were analysed, also those without people: the one definition, which every export uses.

        As the labeller recorded them. Without a record every frame of the medium counts, at times on a straight line
        between those of the poses; where poses skip frames, only frames with poses do.
        """
        if self.analysed is not None:
            return self.analysed
        used = np.unique(np.concatenate([np.zeros(0, np.int32), *(track.frame for track in self.tracks)]))
        every = not len(used) or used[-1] < self.frames
        numbers = np.arange(self.frames, dtype=np.int32) if every else used.astype(np.int32)
        return FrameTimes(numbers, _times_s(self.tracks, numbers, self.fps))

    @property
    def frame_numbers(self) -> NDArray[np.int32]:
        """Numbers (F,) of the frames that were analysed, see `frame_times`."""
        return self.frame_times.number

    def to_numpy(self) -> dict[int, NDArray[np.float32]]:
        """Return every person's keypoints (T, K, 2) by person number: the tracks' own arrays, not copies."""
        return {track.person: track.xy for track in self.tracks}

    def to_dataframe(self) -> pd.DataFrame:
        """Convert to pandas: a row a person and frame, with the columns of PoseTrack.to_dataframe."""
        import pandas as pd

        tables = [track.to_dataframe() for track in self.tracks if len(track)]
        return pd.concat(tables, ignore_index=True) if tables else _nobody(self.skeleton).to_dataframe()

    def to_xarray(self) -> xr.Dataset:
        """Convert to an xarray Dataset with the dimensions, variables and attributes of a `movement` poses dataset.

        position    (time, space, keypoints, individuals) float32, pixels; NaN where a keypoint is not seen.
        confidence  (time, keypoints, individuals) float32, 0 there.
        time        seconds of the frames that were analysed; individuals are called id_<person>.
        Attributes: fps, source_software, ds_type, time_unit.

        Errors: InputError where the package xarray is not installed.

        Examples:
            >>> import numpy as np
            >>> from posemill import SKELETONS, MediumTracks, PoseTrack
            >>> track = PoseTrack.from_numpy(np.ones((50, 17, 2)), SKELETONS["coco-17"], fps=25)
            >>> tracks = MediumTracks("clip", "imported", track.skeleton, 640, 480, 50, 2.0, (track,))
            >>> dict(tracks.to_xarray().sizes)
            {'time': 50, 'space': 2, 'keypoints': 17, 'individuals': 1}
        """
        return _dataset(self.tracks, self.skeleton, self.frame_times, self.fps)

    def draw(self, target: Path | str, video: Path | str | None = None, *, color_by_side: bool = False) -> Path:
        """Write an overlay video (MP4): every person's skeleton in one colour, with number and trail.

        Args:
            video: the video that the tracks are of; None = `source`.
            color_by_side: colour limbs by left and right instead of by person.

        Errors: InputError where there is no video; UnreadableMedia where it cannot be read.
        """
        from posemill.estimation.draw import draw_tracks

        path = self.source if video is None else Path(video)
        if path is None:
            raise InputError("these tracks do not say which video they are of: give it, draw(target, video)")
        draw_tracks(self, path, Path(target), color_by_side=color_by_side)
        return Path(target)

    def _repr_html_(self) -> str:
        from posemill.report.notebook import tracks_html

        return tracks_html(self)


def _frame_rate(tracks: tuple[PoseTrack, ...]) -> float:
    ends = [(int(t.frame[-1]), float(t.time_s[-1])) for t in tracks if len(t) and t.time_s[-1] > 0]
    frame, time_s = max(ends, default=(25, 1.0))
    return frame / time_s if frame else 25.0


def _frame_step(tracks: tuple[PoseTrack, ...]) -> int:
    """Return the largest step on which all poses lie."""
    steps = [np.gcd.reduce(np.diff(track.frame)) for track in tracks if len(track) > 1]
    return max(int(np.gcd.reduce(steps)), 1) if steps else 1


def _nobody(skeleton: Skeleton) -> PoseTrack:
    return PoseTrack.from_numpy(np.zeros((0, len(skeleton), 2)), skeleton, fps=1)


def _dataset(tracks: tuple[PoseTrack, ...], skeleton: Skeleton, frames: FrameTimes, fps: float) -> xr.Dataset:
    try:
        import xarray as xr
    except ModuleNotFoundError as exc:
        raise InputError("to_xarray needs the package xarray: pip install xarray (or pip install movement)") from exc
    position, confidence = _dense(tracks, skeleton, frames.number)
    dims = ("time", "space", "keypoints", "individuals")
    return xr.Dataset(
        {"position": (dims, position), "confidence": ((dims[0], *dims[2:]), confidence)},
        coords={
            "time": frames.time_s,
            "space": ["x", "y", "z"][: position.shape[1]],
            "keypoints": list(skeleton.keypoints),
            "individuals": [f"id_{track.person}" for track in tracks],
        },
        attrs={"fps": fps, "source_software": "posemill", "ds_type": "poses", "time_unit": "seconds"},
    )


def _dense(
    tracks: tuple[PoseTrack, ...], skeleton: Skeleton, numbers: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (T, 2 or 3, K, P) positions and (T, K, P) confidence over all frames; views where nothing is missing."""
    if len(tracks) == 1 and tracks[0].z is None and np.array_equal(tracks[0].frame, numbers):
        return tracks[0].xy.transpose(0, 2, 1)[..., None], tracks[0].confidence[..., None]
    channels = 3 if any(track.z is not None for track in tracks) else 2
    position = np.full((len(numbers), channels, len(skeleton), len(tracks)), np.nan, np.float32)
    confidence = np.zeros((len(numbers), len(skeleton), len(tracks)), np.float32)
    for p, track in enumerate(tracks):
        known = np.isin(track.frame, numbers)
        rows = np.searchsorted(numbers, track.frame[known])
        position[rows, :2, :, p] = track.xy[known].transpose(0, 2, 1)
        confidence[rows, :, p] = track.confidence[known]
        if track.z is not None:
            position[rows, 2, :, p] = track.z[known]
    return position, confidence


def _times_s(tracks: tuple[PoseTrack, ...], numbers: NDArray[np.int32], fps: float) -> NDArray[np.float64]:
    """Return the time of every frame: as the poses say, between them on a straight line, outside at `fps`."""
    times = dict(pair for t in tracks for pair in zip(t.frame.tolist(), t.time_s.tolist(), strict=True))
    if not times:
        return np.asarray(numbers / fps)
    known = np.array(sorted(times))
    time_s = np.array([times[frame] for frame in known.tolist()])
    inside = np.interp(numbers, known, time_s)
    return np.asarray(inside + (numbers - numbers.clip(known[0], known[-1])) / fps)
