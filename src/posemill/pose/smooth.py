"""Smoothing of keypoints over time: arrays in, arrays out, by real times, so variable frame rates are handled.

Every function takes time_s (T,) seconds, strictly increasing, and x (T, K, D), NaN = not seen, and returns x's shape
and dtype with NaN where it was. Each keypoint is smoothed over its own sightings. All commute with moving, turning
and scaling the picture. Their strength is the frequency, in Hz, above which movement is damped (half the power of it).

    gaussian     mean of the neighbours; looks ahead, never overshoots.
    butterworth  2nd order, forward and backward (zero lag), as biomechanics does; looks ahead, overshoots a little.
    kalman       constant velocity, forward and backward (Rauch-Tung-Striebel); like Butterworth on even frames, and
                 better beside gaps and on uneven ones.
    one_euro     first order forward only, quicker the faster a keypoint is: it lags, and needs no future.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.gaps import for_smoothing, split_at_gaps
from posemill.pose.geometry import box_size

Method: TypeAlias = Literal["gaussian", "butterworth", "kalman", "one_euro"]
Floats: TypeAlias = NDArray[np.float64]
Kernel: TypeAlias = Callable[[Floats, Floats], Floats]  # times (S,) and sightings (S, M, D) → the same shape

HALF_POWER = float(np.sqrt(np.log(2)) / (2 * np.pi))  # of a Gaussian: its frequency times its standard deviation
TWO_PASSES = float((np.sqrt(2) - 1) ** 0.25)  # two passes of 2nd order damp this much lower than one
BETA = 2.5  # one_euro: Hz more for every body size a second
SPEED_HZ = 1.0  # one_euro: the speed itself is smoothed with this


def smooth(
    method: Method, time_s: Floats, x: NDArray[np.float32], smooth_s: float, gap_s: float = float("inf")
) -> NDArray[np.float32]:
    """Smooth with any method, as strongly as a Gaussian of standard deviation `smooth_s` seconds does (0 = not).

    gap_s  sightings further apart than this do not influence each other, see posemill.pose.gaps.for_smoothing (a
           Gaussian's are far apart then anyway).

    Examples:
        >>> time_s, x = np.arange(3.0), np.array([0, 3, 0], np.float32).reshape(3, 1, 1)
        >>> [round(float(v), 1) for v in smooth("gaussian", time_s, x, 1.0).ravel()]
        [1.0, 1.4, 1.0]
    """
    if smooth_s <= 0 or not len(x):
        return x
    cutoff_hz = HALF_POWER / smooth_s
    if method == "gaussian":
        return gaussian(time_s, x, smooth_s)
    if method == "butterworth":
        return butterworth(time_s, x, cutoff_hz, gap_s)
    if method == "kalman":
        return kalman(time_s, x, cutoff_hz, gap_s)
    if method == "one_euro":
        return one_euro(time_s, x, cutoff_hz, gap_s)
    raise InputError(f"unknown smoothing {method!r}; known are {', '.join(get_args(Method))}")


def gaussian(time_s: Floats, x: NDArray[np.float32], sigma_s: float) -> NDArray[np.float32]:
    """Mean of the sightings within three standard deviations, weighted by their distance in time."""

    def kernel(at_s: Floats, seen: Floats) -> Floats:
        low, high = np.searchsorted(at_s, [at_s - 3 * sigma_s, at_s + 3 * sigma_s])
        reach = int((high - low).max())
        wanted = np.arange(len(at_s))[:, None] + np.arange(-reach, reach + 1)
        near = wanted.clip(0, len(at_s) - 1)
        weight = np.exp(-0.5 * ((at_s[near] - at_s[:, None]) / sigma_s) ** 2) * (wanted == near)
        weight /= weight.sum(1, keepdims=True)
        return np.asarray(np.einsum("sn,snmd->smd", weight, seen[near]), np.float64)

    return _by_sightings(time_s, x, float("inf"), kernel)


def butterworth(
    time_s: Floats, x: NDArray[np.float32], cutoff_hz: float, gap_s: float = float("inf")
) -> NDArray[np.float32]:
    """Low-pass forward and backward; uneven sightings are resampled to their median distance and back.

    Sightings too slow to have such frequencies, and fewer than four, stay as they are.
    """

    def kernel(at_s: Floats, seen: Floats) -> Floats:
        from scipy.signal import butter, filtfilt

        rate_hz = 1 / float(np.median(np.diff(at_s))) if len(at_s) > 3 else 0.0
        relative = 2 * cutoff_hz / TWO_PASSES / rate_hz if rate_hz else 1.0
        if relative >= 1:
            return seen
        even_s = np.linspace(at_s[0], at_s[-1], max(round((at_s[-1] - at_s[0]) * rate_hz) + 1, 4))
        columns = _resampled(even_s, at_s, seen.reshape(len(seen), -1))
        pad = min(len(even_s) - 1, max(9, round(rate_hz / cutoff_hz)))
        smoothed = np.asarray(filtfilt(*butter(2, relative), columns, axis=0, padlen=pad), np.float64)
        return _resampled(at_s, even_s, smoothed).reshape(seen.shape)

    return _by_sightings(time_s, x, gap_s, kernel)


def kalman(
    time_s: Floats, x: NDArray[np.float32], cutoff_hz: float, gap_s: float = float("inf")
) -> NDArray[np.float32]:
    """Kalman (RTS) smoother with a constant-velocity model.

    The ratio of process to measurement noise follows from `cutoff_hz`: on even frames it damps as `butterworth` does.
    """

    def kernel(at_s: Floats, seen: Floats) -> Floats:
        if len(at_s) < 3:
            return seen
        steps = np.diff(at_s)
        process_noise = (2 * np.pi * cutoff_hz / TWO_PASSES) ** 4 * float(
            np.median(steps)
        )  # for a measurement noise of 1
        return _rts(steps, seen, process_noise, (2 * np.pi * cutoff_hz) ** 2 * 1e4)

    return _by_sightings(time_s, x, gap_s, kernel)


def one_euro(
    time_s: Floats, x: NDArray[np.float32], cutoff_hz: float, gap_s: float = float("inf"), beta: float = BETA
) -> NDArray[np.float32]:
    """Casiez' 1€ filter; `beta` in Hz for every body size (median longer side of the pose's box) a second."""
    size = float(np.median(box_size(x).max(-1))) if x.shape[1] > 1 else 1.0

    def kernel(at_s: Floats, seen: Floats) -> Floats:
        out, speed = seen.copy(), np.zeros_like(seen[0])
        for i, step in enumerate(np.diff(at_s).tolist(), start=1):
            speed += _share(SPEED_HZ, step) * ((seen[i] - out[i - 1]) / step - speed)
            hz = cutoff_hz + beta * np.linalg.norm(speed, axis=-1, keepdims=True) / max(size, 1.0)
            out[i] = out[i - 1] + _share(hz, step) * (seen[i] - out[i - 1])
        return out

    return _by_sightings(time_s, x, gap_s, kernel)


def _by_sightings(time_s: Floats, x: NDArray[np.float32], gap_s: float, kernel: Kernel) -> NDArray[np.float32]:
    """Run a kernel over the sightings between gaps; keypoints seen in the same frames go together."""
    known = ~np.isnan(x).any(-1)
    out = x.copy()
    for pattern in np.unique(known, axis=1).T:
        rows = np.flatnonzero(pattern)
        together = np.flatnonzero((known == pattern[:, None]).all(0))
        for run in split_at_gaps(time_s[rows], for_smoothing(gap_s)):
            if len(run):
                at = np.ix_(rows[run], together)
                out[at] = kernel(time_s[rows[run]], x[at].astype(np.float64))
    return out


def _resampled(to_s: Floats, from_s: Floats, columns: Floats) -> Floats:
    """Interpolate columns (S, C) linearly at other times."""
    right = np.searchsorted(from_s, to_s).clip(1, len(from_s) - 1)
    width = from_s[right] - from_s[right - 1]
    weight = ((to_s - from_s[right - 1]) / width).clip(0, 1)[:, None]
    return np.asarray(columns[right - 1] * (1 - weight) + columns[right] * weight)


def _share(hz: Floats | float, step_s: float) -> Floats:
    """Share of the newest value in an exponential mean with that cut-off."""
    angle = 2 * np.pi * np.asarray(hz) * step_s
    return np.asarray(angle / (angle + 1))


def _rts(steps: Floats, seen: Floats, process_noise: float, velocity_variance: float) -> Floats:
    """Kalman filter forward, Rauch-Tung-Striebel smoother backward; variances depend on times only.

    State: position and velocity. Variances are in units of the measurement's.
    """
    position, velocity = [seen[0]], [np.zeros_like(seen[0])]
    variance = [(1.0, 0.0, velocity_variance)]  # of position, both, velocity after the measurement
    ahead: list[tuple[Floats, Floats, float, float, float]] = []  # predicted: position, velocity, variances
    for step, value in zip(steps.tolist(), seen[1:], strict=True):
        p, c, v = variance[-1]
        p += 2 * step * c + step**2 * v + process_noise * step**3 / 3
        c += step * v + process_noise * step**2 / 2
        v += process_noise * step
        expected = position[-1] + step * velocity[-1]
        ahead.append((expected, velocity[-1], p, c, v))
        gain_p, gain_v = p / (p + 1), c / (p + 1)
        position.append(expected + gain_p * (value - expected))
        velocity.append(velocity[-1] + gain_v * (value - expected))
        variance.append((p - gain_p * p, c - gain_p * c, v - gain_v * c))
    out = np.empty_like(seen)
    out[-1], later = position[-1], velocity[-1]
    for i in range(len(steps) - 1, -1, -1):
        expected, expected_velocity, p, c, v = ahead[i]
        p0, c0, v0 = variance[i]
        a, b = p0 + steps[i] * c0, c0 + steps[i] * v0  # covariances of position and velocity with the next position
        det = p * v - c * c
        off, off_velocity = out[i + 1] - expected, later - expected_velocity
        out[i] = position[i] + ((a * v - c0 * c) * off + (c0 * p - a * c) * off_velocity) / det
        later = velocity[i] + ((b * v - v0 * c) * off + (v0 * p - b * c) * off_velocity) / det
    return out
