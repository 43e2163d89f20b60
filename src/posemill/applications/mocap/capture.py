"""Capture of one person: a track becomes metric body points at a constant rate, joint angles and their uncertainty."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from posemill.applications.mocap import isb
from posemill.applications.mocap.contacts import Contacts, find_contacts
from posemill.applications.mocap.footlock import find_stands, lock_feet, path_displacement
from posemill.applications.mocap.params import MocapParams
from posemill.applications.mocap.points import INDEX, SIDES, Floats, middle
from posemill.applications.mocap.resample import EvenPoints, even_points
from posemill.applications.mocap.rigid import rigid
from posemill.applications.mocap.scale import relative_scale, segment_lengths, standing_height
from posemill.applications.mocap.uncertainty import standard_deviation
from posemill.pose.track import PoseTrack

SCALE_ROUNDS = 3  # distance says where feet stand, and standing feet say the distance


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """Motion of one person.

    person     number of the person in the tracks.
    time_s     (T,) seconds. rate_hz frames a second.
    points     (T, 18, 3) metres, see `points.POINTS`: X right, Y up from the floor, Z towards the camera; NaN = unseen.
    point_sd_m (T, 18) standard deviation of a point, in each direction.
    angles     name → (T,) degrees, see `isb`; angle_sd_deg the same, their standard deviation.
    planar     True: from 2-D keypoints; Z is 0 and the angles are those in the picture.
    px_per_m   usual scale. height_m  height that it is made of; scale_known False: an assumed height.
    contacts   point name → (T,) bool, standing still; empty in 2-D.
    """

    person: int
    time_s: Floats
    rate_hz: float
    points: Floats
    point_sd_m: Floats
    angles: dict[str, Floats]
    angle_sd_deg: dict[str, Floats]
    planar: bool
    px_per_m: float
    height_m: float
    scale_known: bool
    contacts: Contacts = field(default_factory=dict)


def capture(track: PoseTrack, width_px: int, height_px: int, params: MocapParams | None = None) -> Capture:
    """Capture the motion of a track's person.

    width_px, height_px  of the picture. A track with z gives angles in space and locked feet,
    one without it planar angles.

    Errors: InputError for a track without legs, of one pose, or of a skeleton without shoulders and hips.
    """
    params = params or MocapParams()
    even = even_points(track, params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nanmedian of keypoints that are never seen
        return _planar(track, even, params) if track.z is None else _spatial(track, even, width_px, height_px, params)


def _planar(track: PoseTrack, even: EvenPoints, params: MocapParams) -> Capture:
    height_m = params.height_m or params.assumed_height_m
    px_per_m = standing_height(segment_lengths(even.filtered), planar=True) / height_m
    raw, filtered = (_upright(points, px_per_m) for points in (even.raw, even.filtered))
    floor = _floor(filtered)
    filtered[..., 1] -= floor
    angles, sd = _angles(raw, filtered, even, isb.planar_angles)
    return _made(track, even, params, raw - (0, floor, 0), filtered, angles, sd, px_per_m, {})


def _spatial(track: PoseTrack, even: EvenPoints, width_px: int, height_px: int, params: MocapParams) -> Capture:
    lengths = segment_lengths(even.filtered)
    height_m = params.height_m or params.assumed_height_m
    px_per_m = standing_height(lengths, planar=False) / height_m
    scale = px_per_m * relative_scale(even.time_s, lengths)
    focal_px = width_px / 2 / np.tan(np.radians(params.field_deg) / 2)
    center = np.array([(width_px - 1) / 2, (height_px - 1) / 2])
    for _ in range(SCALE_ROUNDS):
        raw, filtered = (unprojected(points, scale, focal_px, center) for points in (even.raw, even.filtered))
        filtered, _ = rigid(filtered, _noise(raw, filtered))
        contacts = find_contacts(even.time_s, filtered, params) if params.foot_lock else {}
        scale = _nearer(scale, focal_px, even.time_s, filtered, contacts)
    locked = lock_feet(even.time_s, filtered, contacts)
    floor = _floor(locked)
    angles, sd = _angles(raw, filtered, even, isb.spatial_angles)
    angles |= isb.spatial_angles(locked)
    shown = raw - filtered + locked - (0, floor, 0)
    return _made(track, even, params, shown, locked - (0, floor, 0), angles, sd, px_per_m, contacts)


def _made(
    track: PoseTrack,
    even: EvenPoints,
    params: MocapParams,
    raw: Floats,
    points: Floats,
    angles: dict[str, Floats],
    angle_sd_deg: dict[str, Floats],
    px_per_m: float,
    contacts: Contacts,
) -> Capture:
    axes = 2 if track.z is None else 3
    sd = standard_deviation(raw[..., :axes], points[..., :axes], even.rate_hz, even.cutoff_hz)
    return Capture(
        person=track.person,
        time_s=even.time_s,
        rate_hz=even.rate_hz,
        points=points,
        point_sd_m=np.sqrt((sd**2).mean(-1)),
        angles=angles,
        angle_sd_deg=angle_sd_deg,
        planar=track.z is None,
        px_per_m=px_per_m,
        height_m=params.height_m or params.assumed_height_m,
        scale_known=params.height_m is not None,
        contacts=contacts,
    )


def _angles(
    raw: Floats, filtered: Floats, even: EvenPoints, compute: Callable[[Floats], dict[str, Floats]]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Angles of the filtered points, and the standard deviation that their difference from the raw ones shows."""
    angles, rough = compute(filtered), compute(raw)
    sd = {
        name: standard_deviation(rough.get(name, values), values, even.rate_hz, even.cutoff_hz)
        for name, values in angles.items()
    }
    return angles, sd


def _noise(raw: Floats, filtered: Floats) -> Floats:
    """Typical noise (3,) of points in X, Y and Z, in metres; a millimetre and less is none."""
    return np.asarray(np.maximum(np.nanmedian(np.abs(raw - filtered), axis=(0, 1)), 1e-3))


def _upright(points: Floats, px_per_m: Floats | float) -> Floats:
    """Pixels with y down and z away → metres with Y up and Z towards the camera; Z is 0 for 2-D points."""
    out = np.zeros((*points.shape[:-1], 3))
    out[..., : points.shape[-1]] = points / px_per_m * np.array([1.0, -1.0, -1.0])[: points.shape[-1]]
    out[np.isnan(points).any(-1)] = np.nan
    return out


def _nearer(scale: Floats, focal_px: float, time_s: Floats, points: Floats, contacts: Contacts) -> Floats:
    """Scale (T,) corrected by standing feet, which say better than sizes how the body's distance changes."""
    stands = find_stands(contacts)
    if not stands:
        return scale
    away_m = focal_px / scale
    nearer_m = np.clip(path_displacement(time_s, points, stands)[:, 2], -0.2 * away_m, 0.2 * away_m)
    return np.asarray(focal_px / (away_m - nearer_m))


def unprojected(points: Floats, px_per_m: Floats, focal_px: float, center: Floats) -> Floats:
    """Pixels (T, 18, 3) → metres: the hips are as far away as the scale (T,) says, every point as much more as its z.

    What is nearer to the camera is larger in the picture; over a knee that points at the camera this is 10 degrees.
    """
    hips = middle(points, "hip")[:, 2]
    hips = np.where(np.isnan(hips), 0.0, hips)[:, None]
    away_m = (focal_px + points[..., 2] - hips) / px_per_m[:, None]
    xy = (points[..., :2] - center) * away_m[..., None] / focal_px
    typical_m = focal_px / float(np.median(px_per_m))
    return np.stack([xy[..., 0], -xy[..., 1], typical_m - away_m], -1)


def _floor(points: Floats) -> float:
    """Height of the floor: the lowest places of heels, toes or ankles."""
    feet = points[:, [INDEX[f"{side}_{part}"] for side in SIDES for part in ("heel", "toe", "ankle")], 1]
    known = feet[np.isfinite(feet)]
    return float(np.quantile(known, 0.02)) if len(known) else 0.0
