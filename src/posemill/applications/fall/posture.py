"""Posture after a descent: when a body is upright again."""

from __future__ import annotations

from posemill.applications.fall.descent import Descent
from posemill.applications.fall.geometry import BodyGeometry

BACK_UP, BACK_UP_SHARE = 0.15, 0.4  # body lengths and share of the drop under its highest place: the head is up again
STANDS_TRUNK_DEG, STANDS_THIGH_DEG, STANDS_HEIGHT = 35.0, 40.0, 0.65


def is_upright(body: BodyGeometry, since: Descent, drop: float) -> bool:
    """True if the head is back near its height before, or the body stands or sits high on its legs.

    drop  body lengths that the head had come down.
    """
    if (body.head_y - since.top_y) / since.length_px < min(BACK_UP, BACK_UP_SHARE * drop):
        return True
    return stands(body, since)


def stands(body: BodyGeometry, since: Descent) -> bool:
    """True if the body stands or sits high on its legs."""
    straight = body.trunk_deg < STANDS_TRUNK_DEG and body.thigh_deg < STANDS_THIGH_DEG
    return straight and (body.ankle_y - body.head_y) / since.length_px > STANDS_HEIGHT
