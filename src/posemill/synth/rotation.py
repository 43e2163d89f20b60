"""Rotations about the axes, for whole stretches of time at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def about(axis: int, angle: Floats | float) -> Floats:
    """(..., 3, 3) rotation matrices about axis 0, 1 or 2 by `angle` (...) radians, right-handed."""
    angle = np.asarray(angle, np.float64)
    b, c = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., b, b] = matrix[..., c, c] = np.cos(angle)
    matrix[..., b, c] = -np.sin(angle)
    matrix[..., c, b] = np.sin(angle)
    return matrix


def turn(matrix: Floats, vector: Floats | tuple[float, float, float]) -> Floats:
    """(..., 3) vectors turned by (..., 3, 3) matrices."""
    return np.asarray(np.einsum("...ij,...j->...i", matrix, np.asarray(vector, np.float64)))
