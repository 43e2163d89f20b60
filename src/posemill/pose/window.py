"""Windows: fixed-length parts of a track, resampled by time so that the camera's frame rate does not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.gaps import for_windows, resample
from posemill.pose.smooth import Method, smooth
from posemill.pose.track import PoseTrack

SHORTEST_PART = 0.1  # of the shortest window: a track this long is still answered


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """Specification of windows of T = `frames` poses.

    sampling    `time`: windows of duration_s every stride_s; `clip`: one window over the whole track; `still`: as
                `time`, and each window is one pose, the median over its duration, held for T frames.
    duration_s  length of a window, seconds; `rate_hz` poses a second, so T = duration_s · rate_hz (sampling `time`).
    stride_s    from one window's start to the next one's.
    clip_frames T for samplings `clip` and `still`.
    scales      sampling `time` also cuts windows of scale · duration_s every scale · stride_s, all with T poses, so
                that fast and slow repetitions both fill a window.
    gap_s       longest gap between two sightings of a keypoint that is interpolated, see posemill.pose.gaps.
    smooth_s    strength of smoothing before resampling: standard deviation of the Gaussian, or what damps as much with
                another method; 0 = none.
    smoothing   the method, see posemill.pose.smooth.
    min_seen    a window in which fewer than this share of the T poses has a keypoint is not made.

    A track shorter than the shortest window gives one window with the track in its middle, at its own speed: a gesture,
    a throw or a fall lasts a second or less. Before and after it nobody is seen. Below SHORTEST_PART of that window
    there is too little motion for a verdict, and no window. Where only longer scales are too long for a track, one
    window over all of it takes their place. With sampling `still` a track of any length gives one, so that a photo's
    single pose and a moment of a video make the same window.
    """

    sampling: Literal["time", "clip", "still"] = "time"
    duration_s: float = 2.0
    stride_s: float = 1.0
    rate_hz: float = 24.0
    clip_frames: int = 64
    scales: tuple[float, ...] = (1.0,)
    gap_s: float = 0.5
    smooth_s: float = 0.0
    min_seen: float = 0.3
    smoothing: Method = "gaussian"

    def __post_init__(self) -> None:
        positive = (self.duration_s, self.stride_s, self.rate_hz, self.gap_s, *self.scales)
        if self.sampling not in ("time", "clip", "still") or not self.scales or not all(v > 0 for v in positive):
            raise InputError(
                f"window: sampling is time, clip or still, all durations, rates and scales are above 0: {self}"
            )
        if self.smoothing not in get_args(Method):
            raise InputError(f"window: smoothing is one of {', '.join(get_args(Method))}, came {self.smoothing!r}")
        if self.frames < 4 or self.smooth_s < 0 or not 0 <= self.min_seen <= 1:
            raise InputError(f"window: at least 4 poses, smooth_s from 0, min_seen from 0 to 1: {self}")

    @property
    def frames(self) -> int:
        """T, the number of poses in every window."""
        return round(self.duration_s * self.rate_hz) if self.sampling == "time" else self.clip_frames

    def spans(self, start_s: float, end_s: float) -> NDArray[np.float64]:
        """Return start and end of every window between two times, (N, 2) float64 seconds; short scales first.

        Windows lie between the two times, but for that of a track which is shorter than all windows.

        Examples:
            >>> WindowSpec(duration_s=2.0, stride_s=1.0).spans(0.0, 4.0).tolist()
            [[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]]
            >>> WindowSpec(duration_s=2.0).spans(1.0, 2.0).tolist()
            [[0.5, 2.5]]
        """
        length = end_s - start_s
        if self.sampling == "clip":
            return np.array([[start_s, end_s]] if length > 0 else []).reshape(-1, 2)
        if self.sampling == "still" and length < self.duration_s * min(self.scales):
            return np.array([[start_s, end_s]]) if length >= 0 else np.zeros((0, 2))
        rows: list[tuple[float, float]] = []
        for scale in sorted(self.scales):
            duration = scale * self.duration_s
            if length < duration and rows:
                if length > rows[-1][1] - rows[-1][0] + 1e-6:
                    rows.append((start_s, end_s))
                break
            if length < duration:
                if length >= SHORTEST_PART * duration - 1e-6:
                    rows.append((start_s - (duration - length) / 2, end_s + (duration - length) / 2))
                break
            rows += [(s, s + duration) for s in _starts(start_s, end_s - duration, scale * self.stride_s)]
        return np.array(rows, np.float64).reshape(-1, 2)


def _starts(first: float, last: float, stride: float) -> list[float]:
    """Starts every `stride`; the last window ends at the end, so that it is not lost."""
    starts = list(np.arange(first, last + 1e-9, stride))
    return [*starts, last] if last - starts[-1] > stride / 2 else starts


def cut(track: PoseTrack, spans: NDArray[np.float64], spec: WindowSpec, coordinates: int = 2) -> NDArray[np.float32]:
    """Resample a track at the middle of T equal parts of every span.

    spans    (N, 2) seconds.
    coordinates  2, or 3 for a fourth channel of z, which the track must have.
    Returns  (N, T, K, 3) float32: x_px, y_px, confidence; NaN (confidence 0) = not seen. Windows are not dropped here.
    """
    if coordinates == 3 and track.z is None:
        raise InputError("these windows have x, y and z, and the track has x and y only: give its z")
    if spec.sampling == "still":
        return _held(track, spans, spec, coordinates)
    parts = (np.arange(spec.frames) + 0.5) / spec.frames
    at_s = spans[:, :1] + (spans[:, 1:] - spans[:, :1]) * parts
    out = np.full((len(spans), spec.frames, len(track.skeleton), coordinates + 1), np.nan, np.float32)
    out[..., 2] = 0
    positions = track.xy if coordinates == 2 or track.z is None else np.concatenate([track.xy, track.z[..., None]], -1)
    smoothed = smooth(spec.smoothing, track.time_s, positions, spec.smooth_s, spec.gap_s)
    values = np.concatenate([smoothed[..., :2], track.confidence[..., None], smoothed[..., 2:]], -1)
    gaps = for_windows(spec.gap_s)
    patterns: dict[bytes, list[int]] = {}
    seen = ~np.isnan(track.xy[..., 0])
    for k in range(len(track.skeleton)):
        patterns.setdefault(seen[:, k].tobytes(), []).append(k)
    for keypoints in patterns.values():  # seen in the same poses: resampled at once, most often all of them
        known = seen[:, keypoints[0]]
        if known.any():
            out[:, :, keypoints] = resample(track.time_s[known], values[known][:, keypoints], at_s, gaps)
    return out


def _held(track: PoseTrack, spans: NDArray[np.float64], spec: WindowSpec, coordinates: int) -> NDArray[np.float32]:
    """Windows of one pose each, the median of the sightings in a span, T times; NaN where there is none."""
    out = np.full((len(spans), spec.frames, len(track.skeleton), coordinates + 1), np.nan, np.float32)
    out[..., 2] = 0
    values = np.concatenate([track.xy, track.confidence[..., None]], -1)
    if coordinates == 3 and track.z is not None:
        values = np.concatenate([values, track.z[..., None]], -1)
    for window, (start_s, end_s) in zip(out, spans, strict=True):
        inside = values[(track.time_s >= start_s) & ((track.time_s < end_s) | (track.time_s == start_s))]
        for k in range(len(track.skeleton)):
            known = inside[~np.isnan(inside[:, k, 0]), k]
            if len(known):
                window[:, k] = np.median(known, axis=0)
    return out
