"""Rigid segments: every bone gets one length, and the direction that fits its keypoints best."""

from __future__ import annotations

import numpy as np

from posemill.applications.mocap.points import INDEX, SIDES, Floats, middle

ROUNDS = 4

# joint → the joint before it, from the trunk outwards
CHAINS = {
    f"{side}_{joint}": f"{side}_{before}"
    for before, joint in (
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("hip", "knee"),
        ("knee", "ankle"),
        ("ankle", "heel"),
        ("ankle", "toe"),
    )
    for side in SIDES
}


def rigid(points: Floats, noise: Floats | None = None) -> tuple[Floats, dict[str, float]]:
    """Give every bone its median length. points (T, 18, 3) → the same, and the lengths by the bone's outer end.

    noise  (3,) how uncertain X, Y and Z are, relative to each other: a bone that is too long or too short was mistaken
           in what is less certain, which is mostly the depth. None = alike; the direction then stays.

    The middle of the hips stays where it is; the trunk is the bone between the middles of hips and shoulders.
    """
    out = points.copy()
    lengths: dict[str, float] = {}
    variance = np.ones(3) if noise is None else (noise / noise.max()) ** 2
    hips, shoulders = middle(points, "hip"), middle(points, "shoulder")
    top = hips + _fitted(shoulders - hips, "trunk", lengths, variance)
    for joint, at in (("hip", hips), ("shoulder", top)):
        half = (points[:, INDEX[f"right_{joint}"]] - points[:, INDEX[f"left_{joint}"]]) / 2
        half = _fitted(half, f"half_{joint}", lengths, variance)
        out[:, INDEX[f"left_{joint}"]], out[:, INDEX[f"right_{joint}"]] = at - half, at + half
    for child, parent in CHAINS.items():
        bone = points[:, INDEX[child]] - points[:, INDEX[parent]]
        out[:, INDEX[child]] = out[:, INDEX[parent]] + _fitted(bone, child, lengths, variance)
    for name in ("head", "nose"):
        out[:, INDEX[name]] = top + _fitted(points[:, INDEX[name]] - shoulders, name, lengths, variance)
    return out, lengths


def _fitted(bone: Floats, name: str, lengths: dict[str, float], variance: Floats) -> Floats:
    """The vectors (T, 3) of the median length that are nearest to those given, by their variances."""
    length = np.linalg.norm(bone, axis=-1)
    known = length[np.isfinite(length)]
    lengths[name] = median = float(np.median(known)) if len(known) else 0.0
    nearest = bone
    for _ in range(ROUNDS):
        unit = nearest / np.maximum(np.linalg.norm(nearest, axis=-1, keepdims=True), 1e-9)
        # one Newton step towards the sphere along the direction of least cost
        along = variance * unit
        step = (median - (nearest * unit).sum(-1)) / (along * unit).sum(-1)
        nearest = nearest + step[:, None].clip(-0.3 * median, 0.3 * median) * along
    unit = nearest / np.maximum(np.linalg.norm(nearest, axis=-1, keepdims=True), 1e-9)
    return np.asarray(unit * median)
