"""Arrays of requests: checks of shape, finiteness and range, each with one sentence of what was expected."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.pose.skeleton import Skeleton, skeleton
from posemill.pose.track import FrameTimes, MediumTracks, PoseTrack, State
from posemill.pose.units import check_pixels
from posemill.pose.unseen import not_found
from posemill.serving.schemas.activity import TrackRequest
from posemill.serving.schemas.applications import ApplicationRequest, PersonTrack

LARGEST = 1e9  # pixels and seconds; larger numbers are slips
EVERY_POSE = 8  # of a window is looked at for its unit: every one would cost a tenth of the answer
LONGEST_S = 1800.0  # of a track: two poses a year apart would ask for a hundred million windows


def windows_array(given: Any, frames: int, body: Skeleton, channels: int = 3) -> NDArray[np.float32]:
    """Check windows: (N, T, K, C) float32, NaN = not seen, confidence 0 there. InputError for any other shape or range.

    given     nested lists, or an array of float32; what was not found by pose/unseen.py is not seen.
    channels  C: x, y, confidence and, where the model reads it, z.
    """
    wanted = f"windows should be (N, {frames}, {len(body)}, {channels}) numbers for skeleton {body.name}"
    windows = _numbers(given, wanted)
    if windows.ndim != 4 or windows.shape[1:] != (frames, len(body), channels) or not len(windows):
        raise InputError(f"{wanted}, came as {windows.shape}; a window has {frames} poses")
    out = np.array(windows, np.float32)
    out[not_found(out[..., :2], out[..., 2]) & ~np.isnan(out[..., :2]).any(-1)] = np.nan
    seen = _seen(out[..., :2], "windows")
    if channels == 3:
        check_pixels("windows", out[:, ::EVERY_POSE, :, :2])
    out[..., 2] = _confidence(out[..., 2], seen)
    if channels == 4 and (np.isnan(out[..., 3]) == seen).any():
        raise InputError("windows: a keypoint has z where it has x and y, and null elsewhere")
    return out


def track_of(request: TrackRequest) -> PoseTrack:
    """Convert a request to a track. InputError or SkeletonError say what does not fit."""
    body = _body(request)
    times = _numbers(request.time_s, "time_s should be (T,) numbers")
    if times.ndim != 1 or np.isnan(times).any():
        raise InputError(f"time_s should be (T,) numbers without gaps, came as {times.shape}")
    t, k = len(times), len(body)
    xy = _shaped(request.xy, (t, k, 2), "xy", body)
    known = _seen(xy, "xy")
    given = None if request.confidence is None else _shaped(request.confidence, (t, k), "confidence", body)
    missing = known & not_found(xy, given)  # 0, 0 with confidence 0: the same as null
    seen = known & ~missing
    confidence = _confidence(seen.astype(np.float32) if given is None else given, seen)
    xy = np.where(seen[..., None], xy, np.nan)
    if request.z is None:  # with depth any unit will do
        check_pixels("xy", xy)
    z = None if request.z is None else _shaped(request.z, (t, k), "z", body).astype(np.float32)
    z = z if z is None else np.where(missing, np.float32(np.nan), z)
    if (np.diff(times) <= 0).any():
        raise InputError(f"time_s should strictly increase, but row {int(np.argmax(np.diff(times) <= 0)) + 1} does not")
    if t and times[-1] - times[0] > LONGEST_S:
        raise InputError(
            f"a track is at most {LONGEST_S:.0f} s long, this one has {times[-1] - times[0]:.0f}; send it in pieces"
        )
    return PoseTrack(
        body,
        0,
        np.arange(t, dtype=np.int32),
        times,
        xy.astype(np.float32),
        confidence,
        np.full(t, State.PREDICTED, np.uint8),
        z,
    )


def tracks_of(request: ApplicationRequest) -> MediumTracks:
    """Convert the tracks of everybody in a request. InputError or SkeletonError say what does not fit."""
    tracks = [_person(request, person) for person in request.people]
    given = request.frame_times_s
    times = np.unique(np.concatenate([np.zeros(0), *(track.time_s for track in tracks)]))
    if given is not None:
        times = _numbers(given, "frame_times_s should be (F,) numbers")
        if times.ndim != 1 or np.isnan(times).any() or (np.diff(times) <= 0).any():
            raise InputError("frame_times_s should be (F,) numbers that strictly increase")
    for person, track in zip(request.people, tracks, strict=True):
        if not np.isin(track.time_s, times).all():
            raise InputError(f"person {person.person}: a time is none of frame_times_s")
    analysed = FrameTimes(np.arange(len(times), dtype=np.int32), times)
    numbered = [replace(track, frame=np.searchsorted(times, track.time_s).astype(np.int32)) for track in tracks]
    body = tracks[0].skeleton if tracks else _body(request)
    return MediumTracks(
        medium="request",
        labeller="imported",
        skeleton=body,
        width_px=request.width_px,
        height_px=request.height_px,
        frames=len(times),
        duration_s=float(max(times[-1], 0.0)) if len(times) else 0.0,
        tracks=tuple(numbered),
        analysed=analysed,
    )


def _person(request: ApplicationRequest, person: PersonTrack) -> PoseTrack:
    fields = TrackRequest.model_construct(
        skeleton=request.skeleton,
        keypoints=request.keypoints,
        time_s=person.time_s,
        xy=person.xy,
        confidence=person.confidence,
        z=person.z,
    )
    try:
        return replace(track_of(fields), person=person.person)
    except InputError as exc:
        raise InputError(f"person {person.person}: {exc}") from exc


def with_nulls(array: NDArray[np.float32]) -> list[Any]:
    """Convert an array to nested lists for JSON, NaN as None; the way back is windows_array and track_of.

    >>> with_nulls(np.array([[1.0, np.nan]]))
    [[1.0, None]]
    """
    out = array.astype(object)
    out[np.isnan(array)] = None
    nested: list[Any] = out.tolist()
    return nested


def _body(request: TrackRequest | ApplicationRequest) -> Skeleton:
    """Return a known skeleton, or one made of the given names: a conversion by name needs nothing else."""
    if (request.skeleton is None) == (request.keypoints is None):
        raise InputError("give either `skeleton` (a known name, such as coco-17) or `keypoints` (names in array order)")
    if request.skeleton is not None:
        return skeleton(request.skeleton)
    names = tuple(request.keypoints or ())
    return Skeleton("of the request", names, (), (), (0.1,) * len(names))


def _numbers(given: Any, wanted: str) -> NDArray[Any]:
    """Nested lists as float64, arrays as they are; null becomes NaN. Ragged lists and no numbers are refused."""
    try:
        array = given if isinstance(given, np.ndarray) else np.array(given, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{wanted}; the lists that came differ in length or hold something else") from None
    if array.size and not (np.nanmin(array) >= -LARGEST and np.nanmax(array) <= LARGEST) and not np.isnan(array).all():
        raise InputError(f"{wanted}, all finite; a number that came is not")
    return array


def _shaped(nested: Any, shape: tuple[int, ...], name: str, body: Skeleton) -> NDArray[np.float64]:
    wanted = f"{name} should be {shape} numbers for these times and skeleton {body.name}"
    array = _numbers(nested, wanted)
    if not array.size and not shape[0]:
        return np.zeros(shape)
    if array.shape != shape:
        raise InputError(f"{wanted}, came as {array.shape}")
    return array


def _seen(xy: NDArray[Any], name: str) -> NDArray[np.bool_]:
    x, y = np.isnan(xy[..., 0]), np.isnan(xy[..., 1])
    if (x != y).any():
        raise InputError(f"{name}: a keypoint has both x and y, or null for both")
    return np.asarray(~x)


def _confidence(confidence: NDArray[Any], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """As given where seen, 0 elsewhere."""
    if (seen & ~((confidence >= 0) & (confidence <= 1))).any():
        raise InputError("confidence should be from 0 to 1 for every keypoint that is seen")
    return np.where(seen, confidence, 0).astype(np.float32)
