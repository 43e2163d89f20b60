"""Foot lock: standing feet stay in place; the path of the body and the legs give way.

First the path: the smoothest displacement of the whole body over time under which standing points stand still (a
linear least-squares problem an axis). It also finds the depth of a path that a camera hardly sees. Then each leg: its
ankle is moved by what is left, hip and bone lengths stay, and the knee bends in the plane in which it did.
"""

from __future__ import annotations

import numpy as np

from posemill.applications.mocap.contacts import Contacts, runs
from posemill.applications.mocap.points import INDEX, SIDES, Floats, unit
from posemill.pose.angles import angle_between

PATH_HZ = 1.5  # the body's displacement is smooth below about this frequency
WEAK = 1e-3  # weight of staying where the body was, against one frame of standing still
BLEND_S = 0.12  # a leg's displacement fades away within this time after a contact
HIP_M, KNEE_DEG = 0.02, 4.0  # usual errors of a hip's place and of a knee's angle
MOST_BEND = 1.5  # a knee gives way by no more than so many of its errors, the hip then does
ROLLING = 0.01  # weight of a heel or toe for its ankle, against the ankle's own place where the foot is flat


Stands = list[tuple[str, int, int]]
Places = list[tuple[tuple[str, int, int], Floats]]  # stands, and the place (3,) of each


def lock_feet(time_s: Floats, points: Floats, contacts: Contacts) -> Floats:
    """Keep standing points in place. points (T, 18, 3) metres → the same with contact points at rest.

    contacts  point name → (T,) bool, see `find_contacts`.
    """
    stands = find_stands(contacts)
    if not stands:
        return points
    moved = points + path_displacement(time_s, points, stands)[:, None]
    anchors = [np.nanmean(moved[first:end, INDEX[name]], 0) for name, first, end in stands]
    places = list(zip(stands, anchors, strict=True))
    return _at_rest(time_s, _legs(time_s, _hips(time_s, moved, places), places), places)


def find_stands(contacts: Contacts) -> Stands:
    """List contacts: name of the point, first frame, one past the last; an ankle stands where its foot is flat."""
    flat = {
        f"{side}_ankle": contacts[f"{side}_heel"] & contacts[f"{side}_toe"]
        for side in SIDES
        if f"{side}_heel" in contacts and f"{side}_toe" in contacts
    }
    return [(name, first, end) for name, mask in {**contacts, **flat}.items() for first, end in runs(mask)]


def path_displacement(time_s: Floats, points: Floats, stands: Stands) -> Floats:
    """Smooth displacement (T, 3) under which every stand is at rest."""
    from scipy.sparse import coo_matrix, diags, identity, vstack
    from scipy.sparse.linalg import spsolve

    frames = len(time_s)
    step_s = float(np.median(np.diff(time_s)))
    stiffness = (1 / (2 * np.pi * PATH_HZ * step_s)) ** 2
    rows, wanted = [], []
    for number, (name, first, end) in enumerate(stands):
        place = points[first:end, INDEX[name]]
        known = np.isfinite(place).all(-1)
        rows += [(frame, frames + number) for frame in (first + np.flatnonzero(known)).tolist()]
        wanted.append(-place[known])
    count = len(rows)
    at = np.array(rows)
    still = coo_matrix(
        (np.tile([1.0, -1.0], count), (np.repeat(np.arange(count), 2), at.ravel())), (count, frames + len(stands))
    )
    bend = diags([1.0, -2.0, 1.0], [0, 1, 2], shape=(max(frames - 2, 0), frames + len(stands))) * stiffness
    keep = identity(frames + len(stands), format="csr")[:frames] * np.sqrt(WEAK)
    matrix = vstack([still, bend, keep]).tocsc()
    target = np.zeros((matrix.shape[0], 3))
    target[:count] = np.concatenate(wanted)
    solved = spsolve((matrix.T @ matrix).tocsc(), matrix.T @ target)
    return np.asarray(solved[:frames])


def _hips(time_s: Floats, points: Floats, places: Places) -> Floats:
    """Move the body, and each hip a little, so that standing legs keep their length as far as their knees know it.

    A leg that is nearly straight would bend by many degrees if it became shorter by a centimetre; the length of a bent
    one is less certain than the place of the hip.
    """
    normal, wanted = np.tile(0.1 / HIP_M**2 * np.eye(3), (len(points), 1, 1)), np.zeros((len(points), 3))
    legs = {}
    for side in SIDES:
        hip, knee, ankle = (points[:, INDEX[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle"))
        shift, along = _wanted(points, places, side), unit(ankle - hip)
        length_m = _length_doubt(hip, knee, ankle)
        known = np.isfinite(shift + along + length_m).all(-1)
        weighted = along[known] / (HIP_M**2 + length_m[known] ** 2)
        normal[known] += weighted[:, :, None] * along[known][:, None]
        wanted[known] += weighted * (along[known] * shift[known]).sum(-1, keepdims=True)
        legs[side] = shift, length_m, _slack(hip, knee, ankle)
    common = np.linalg.solve(normal, wanted[..., None])[..., 0]
    standing = np.zeros(len(points), bool)
    own = {}
    for side, (shift, length_m, slack_m) in legs.items():
        leg = points[:, INDEX[f"{side}_ankle"]] - points[:, INDEX[f"{side}_hip"]]
        longer = leg + shift - common
        stretch = np.linalg.norm(longer, axis=-1, keepdims=True) - np.linalg.norm(leg, axis=-1, keepdims=True)
        standing |= np.isfinite(stretch[:, 0])
        by_knee = stretch * length_m**2 / (HIP_M**2 + length_m**2)
        by_knee = np.clip(by_knee, -MOST_BEND * length_m, np.minimum(MOST_BEND * length_m, slack_m / 2))
        own[side] = _fading(time_s, (stretch - by_knee) * unit(longer))
    common = _fading(time_s, np.where(standing[:, None], common, np.nan))
    out = points + (common + sum(own.values()) / 2)[:, None]
    for side in SIDES:
        for joint in ("hip", "knee", "ankle", "heel", "toe"):  # the leg as it is: bone lengths stay
            place = INDEX[f"{side}_{joint}"]
            out[:, place] = points[:, place] + common + own[side]
    return out


def _slack(hip: Floats, knee: Floats, ankle: Floats) -> Floats:
    """Length (T, 1) in metres that a leg gains if it is stretched."""
    bones = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
    return np.asarray(np.maximum(bones - np.linalg.norm(ankle - hip, axis=-1), 0.0))[:, None]


def _length_doubt(hip: Floats, knee: Floats, ankle: Floats) -> Floats:
    """Standard deviation (T, 1) of the distance from hip to ankle, metres, for what knees are uncertain."""
    thigh, shank = np.linalg.norm(knee - hip, axis=-1), np.linalg.norm(ankle - knee, axis=-1)
    bend = np.radians(angle_between(knee - hip, ankle - knee) + KNEE_DEG)
    distance = np.maximum(np.linalg.norm(ankle - hip, axis=-1), 0.05)
    return np.asarray(thigh * shank * np.sin(bend) / distance * np.radians(KNEE_DEG))[:, None]


def _legs(time_s: Floats, points: Floats, places: Places) -> Floats:
    """Move both ankles to where their standing points want them."""
    out = points.copy()
    for side in SIDES:
        hip, knee, ankle = (points[:, INDEX[f"{side}_{joint}"]] for joint in ("hip", "knee", "ankle"))
        bent, reached = two_bones(hip, knee, ankle, ankle + _fading(time_s, _wanted(points, places, side)))
        out[:, INDEX[f"{side}_knee"]], out[:, INDEX[f"{side}_ankle"]] = bent, reached
        for part in ("heel", "toe"):
            out[:, INDEX[f"{side}_{part}"]] += reached - ankle
    return out


def two_bones(hip: Floats, knee: Floats, ankle: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Two-bone inverse kinematics: knee and ankle (T, 3) for a new place of the ankle, bone lengths kept.

    The knee stays in the plane of hip, knee and ankle as they were; a target out of reach is approached.
    """
    thigh, shank = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (knee - hip, ankle - knee))
    along = unit(target - hip)
    distance = np.linalg.norm(target - hip, axis=-1, keepdims=True)
    distance = np.clip(distance, np.abs(thigh - shank) + 1e-6, thigh + shank - 1e-6)
    ahead = knee - hip
    ahead = unit(ahead - (ahead * along).sum(-1, keepdims=True) * along)
    cosine = np.clip((thigh**2 + distance**2 - shank**2) / (2 * thigh * distance), -1, 1)
    bent = hip + thigh * (cosine * along + np.sqrt(1 - cosine**2) * np.where(np.isnan(ahead), 0, ahead))
    return np.asarray(bent), np.asarray(hip + distance * along)


def _wanted(points: Floats, places: Places, side: str) -> Floats:
    """Displacement (T, 3) of an ankle that takes it to its place; NaN where the foot does not stand.

    An ankle stands with its flat foot. Over one standing point it turns: it moves only as far as this point's distance
    from it asks for.
    """
    total, count = np.zeros((len(points), 3)), np.zeros((len(points), 1))
    ankle = points[:, INDEX[f"{side}_ankle"]]
    for (name, first, end), anchor in places:
        if name.startswith(side):
            place = points[first:end, INDEX[name]]
            known = first + np.flatnonzero(np.isfinite(place + ankle[first:end]).all(-1))
            if name.endswith("ankle"):
                shift, weight = anchor - ankle[known], 1.0
            else:
                away, bone = ankle[known] - anchor, ankle[known] - points[known, INDEX[name]]
                shift, weight = unit(away) * np.linalg.norm(bone, axis=-1, keepdims=True) - away, ROLLING
            total[known] += weight * shift
            count[known] += weight
    return np.asarray(total / np.where(count > 0, count, np.nan))


def _fading(time_s: Floats, shift: Floats) -> Floats:
    """Fill the displacement between contacts: it fades away after one and comes up before the next."""
    known = np.atleast_1d(np.isfinite(shift).all(-1))
    if not known.any():
        return np.zeros_like(shift)
    at = np.flatnonzero(known)
    after = at[np.searchsorted(at, np.arange(len(shift))).clip(max=len(at) - 1)]
    before = at[(np.searchsorted(at, np.arange(len(shift)), side="right") - 1).clip(min=0)]
    weights = [np.clip(1 - np.abs(time_s - time_s[near]) / BLEND_S, 0, 1)[:, None] for near in (before, after)]
    first, second = (w * w * (3 - 2 * w) for w in weights)
    faded = (first * shift[before] + second * shift[after]) / np.maximum(first + second, 1)
    return np.where(known[:, None], shift, faded)


def _at_rest(time_s: Floats, points: Floats, places: Places) -> Floats:
    """Take out the last millimetres: of a foot of which two points stand, the shape is not quite rigid."""
    out = points.copy()
    for name in dict.fromkeys(name for (name, _, _), _ in places):
        place = points[:, INDEX[name]]
        shift = np.full_like(place, np.nan)
        for (standing, first, end), anchor in places:
            if standing == name:
                shift[first:end] = anchor - place[first:end]
        out[:, INDEX[name]] = place + _fading(time_s, shift)
    return out
