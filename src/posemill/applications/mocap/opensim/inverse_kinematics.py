"""Inverse kinematics: the coordinates of a model under which its markers are nearest to the measured ones.

The same problem as OpenSim's tool solves (weighted least squares, frame by frame), by Levenberg-Marquardt for all
frames at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from posemill.applications.mocap.files.mot import TRANSLATIONS
from posemill.applications.mocap.files.tables import Coordinates, Floats, Markers
from posemill.applications.mocap.opensim.model import Model
from posemill.errors import InputError

STEP = 1e-6  # radians or metres, for the derivatives
ROUNDS = 60
DONE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """Result of inverse kinematics.

    coordinates  in degrees and metres. error_m (T,) root mean square distance of the markers, metres.
    """

    coordinates: Coordinates
    error_m: Floats


def read_weights(setup: Path) -> dict[str, float]:
    """Read the markers' weights from a set-up file of OpenSim's tool; those that are not to be used have 0."""
    try:
        root = ElementTree.fromstring(setup.read_bytes())
    except (OSError, ElementTree.ParseError) as exc:
        raise InputError(f"{setup} is no set-up of OpenSim's inverse kinematics: {exc}") from exc
    weights = {}
    for task in root.iter("IKMarkerTask"):
        used = (task.findtext("apply") or "true").strip().lower() == "true"
        weights[task.get("name", "")] = float(task.findtext("weight") or 1.0) if used else 0.0
    return weights


def solve(model: Model, markers: Markers, weights: Mapping[str, float] | None = None) -> Fit:
    """Fit the model's coordinates to markers, frame by frame.

    weights  of markers by name, 1 where none is given; markers that only one side has are not used.

    Errors: InputError where model and markers have fewer than three markers in common.
    """
    weights = weights or {}
    names = [name for name in model.markers if name in markers.names and weights.get(name, 1.0) > 0]
    if len(names) < 3:
        raise InputError(
            f"model {model.name} and the marker file have {len(names)} markers in common, 3 are needed; the model has "
            f"{', '.join(model.markers) or 'none'}"
        )
    measured = np.stack([markers.of(name) for name in names], 1)
    known = np.isfinite(measured).all(-1)
    scale = np.sqrt([weights.get(name, 1.0) for name in names])[None] * known
    values = _least_squares(model, names, np.nan_to_num(measured), scale)
    off = np.linalg.norm(model.places(values, names) - np.nan_to_num(measured), axis=-1)
    error = np.sqrt((off**2 * known).sum(-1) / np.maximum(known.sum(-1), 1))
    shown = [np.degrees(v) if c.rotational else v for c, v in zip(model.coordinates, values.T, strict=True)]
    free = [number for number, c in enumerate(model.coordinates) if not (c.fixed and c.name.endswith(TRANSLATIONS))]
    return Fit(
        Coordinates(
            tuple(model.coordinates[n].name for n in free), markers.time_s, np.stack([shown[n] for n in free], -1)
        ),
        error,
    )


def _least_squares(model: Model, names: list[str], measured: Floats, scale: Floats) -> Floats:
    """Levenberg-Marquardt for all frames (T, N); each frame has its own damping."""
    frames = len(measured)
    free = np.array([number for number, c in enumerate(model.coordinates) if not c.fixed])
    low = np.array([c.low if c.clamped else -np.inf for c in model.coordinates])
    high = np.array([c.high if c.clamped else np.inf for c in model.coordinates])
    values = np.tile(model.defaults, (frames, 1))

    def residuals(at: Floats) -> Floats:
        off = model.places(at, names) - (measured if at.ndim == 2 else measured[:, None])
        weight = scale if at.ndim == 2 else scale[:, None]
        return np.asarray((off * weight[..., None]).reshape(*off.shape[:-2], -1))

    damping = np.full(frames, 1e-3)
    now = residuals(values)
    for _ in range(ROUNDS):
        nudged = values[:, None] + STEP * np.eye(len(low))[free]
        jacobian = (residuals(nudged) - now[:, None]) / STEP  # (T, free, residuals)
        normal = jacobian @ np.swapaxes(jacobian, -1, -2)
        ridge = damping[:, None, None] * np.eye(len(free)) * (np.einsum("tii->t", normal) / len(free))[:, None, None]
        step = np.linalg.solve(normal + ridge + 1e-12 * np.eye(len(free)), -(jacobian @ now[..., None]))[..., 0]
        tried = values.copy()
        tried[:, free] += np.clip(step, -0.6, 0.6)
        tried = np.clip(tried, low, high)
        there = residuals(tried)
        better = (there**2).sum(-1) <= (now**2).sum(-1)
        damping = np.where(better, damping / 5, damping * 4).clip(1e-9, 1e6)
        values = np.where(better[:, None], tried, values)
        now = np.where(better[:, None], there, now)
        if (np.abs(step).max(-1) < DONE).all() or not (better | (damping < 1e6)).any():
            break
    return values
