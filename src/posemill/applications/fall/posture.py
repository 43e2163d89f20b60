"""Posture after a descent: evidence from 0 to 1 that the body is on the floor, and that it is upright again."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, isnan

from posemill.applications.fall.descent import Descent
from posemill.applications.fall.geometry import BodyGeometry


@dataclass(frozen=True, slots=True)
class Posture:
    """Posture relative to the body before the descent.

    drop, hip_drop   body lengths that head and hips are lower than before.
    head_height, hip_height  body lengths above the feet's place before.
    lying            0..1, the trunk is level, the head low and the hips came down: who bends keeps them up.
    slumped          0..1, the hips are at the feet's height and the head is low.
    """

    drop: float
    hip_drop: float
    head_height: float
    hip_height: float
    lying: float
    slumped: float


def posture(body: BodyGeometry, since: Descent) -> Posture:
    """Compare a body with what it was before a descent."""
    length = since.length_px
    drop, hip_drop = (body.head_y - since.top_y) / length, (body.hip_y - since.hip_top_y) / length
    floor_y = max(since.floor_y, body.ankle_y if not isnan(body.ankle_y) else since.floor_y)
    head_height, hip_height = (floor_y - body.head_y) / length, (floor_y - body.hip_y) / length
    level = _step(body.trunk_deg, 52.0, 9.0)
    hips_down = max(_step(hip_drop, 0.12, 0.03), _step(-hip_height, -0.24, 0.03))
    lying = level * _step(-head_height, -0.45, 0.07) * hips_down
    slumped = _step(-hip_height, -0.17, 0.05) * _step(-head_height, -0.55, 0.05)
    return Posture(drop, hip_drop, head_height, hip_height, lying, slumped)


def fall_evidence(now: Posture, speed: float) -> float:
    """Evidence 0..1 that the descent was a fall: the posture, weighted by how fast the head came down."""
    low = max(now.lying, 0.9 * now.slumped)
    return low * _step(speed, 0.55, 0.12) * _step(now.drop, 0.30, 0.05)


def is_upright(body: BodyGeometry, since: Descent) -> bool:
    """True if the head is back near its height before, or the body stands or sits high on its legs."""
    if (body.head_y - since.top_y) / since.length_px < 0.22:
        return True
    standing = body.trunk_deg < 35 and body.thigh_deg < 40
    return standing and (body.ankle_y - body.head_y) / since.length_px > 0.65


def _step(value: float, middle: float, width: float) -> float:
    """Logistic step from 0 to 1; 0 where the value is not known."""
    return 0.0 if isnan(value) else 1.0 / (1.0 + exp(max(-30.0, min(30.0, -(value - middle) / width))))
