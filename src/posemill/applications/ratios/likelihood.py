"""Likelihood of a segment's length, given what frames show of it.

In two dimensions a rigid segment is never seen longer than it is: length = true length x cosine of the angle to the
picture's plane, and noise. The angle is modelled as a constant tilt, which frames cannot show, and motion around it,
which can: where a segment sweeps through the plane, its lengths pile up at the true one. Tilt and motion are unknown
and integrated out, so a segment that never moves keeps the doubt of its tilt. With z lengths are measured directly.

Likelihoods are over a grid of log lengths, relative to a usual length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from posemill.applications.mocap.points import Floats

GRID = np.linspace(-0.40, 0.40, 101)  # log length, relative to the expected one
TILTS = np.radians(np.arange(0.0, 76.0, 5.0))
MOTIONS = np.radians([1.0, 3.0, 6.0, 12.0, 24.0, 45.0])
NODES = 33
TABLE = np.linspace(0.0, 1.6, 161)  # seen length over true length
OUTLIERS = 0.02  # share of frames that are just wrong
WRONG_VIEWS = 0.03  # share of views in which a limb is so near to the camera that nothing fits
INDEPENDENT_S = 0.5  # poses closer in time than this are one


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Log likelihood (101,) over `GRID`, and how many frames it is of; best: the most likely log length."""

    log: Floats
    frames: int

    @property
    def best(self) -> float:
        """Most likely log length."""
        return float(GRID[np.argmax(self.log)])


def projected(
    chunks: Sequence[Floats], expected: float, noise: float, tilt_deg: float, chunk_error: float, frames: float
) -> Evidence:
    """Evidence of projected lengths, in chunks (T,) of a few seconds, in each of which the tilt is another one.

    expected     length at the middle of the grid. noise: standard deviation of a seen length, in the same unit.
    tilt_deg     how far the segment usually points out of the plane.
    chunk_error  standard deviation of an error of the log length that the frames of a chunk have in common.
    frames       how many independent frames a chunk is worth.
    """
    table = _table(round(float(np.clip(noise / expected, 0.01, 0.25)), 2))
    prior = np.exp(-0.5 * (TILTS / np.radians(tilt_deg)) ** 2)
    log_prior = np.log(prior / prior.sum())[None, :, None] - np.log(len(MOTIONS))
    total, count = np.zeros(len(GRID)), 0
    for lengths in chunks:
        at = lengths[None] / expected / np.exp(GRID)[:, None] / (TABLE[1] - TABLE[0])
        index = np.clip(at.round().astype(int), 0, len(TABLE) - 1) + np.arange(len(GRID))[:, None] * len(TABLE)
        counts = np.bincount(index.ravel(), minlength=len(GRID) * len(TABLE)).reshape(len(GRID), len(TABLE))
        worth = min(frames, len(lengths))
        log = np.tensordot(counts, table, (1, 2)) * (worth / len(lengths))
        # the density of a seen length is that of its share of the true length, divided by the true length
        one = Evidence(_log_sum((log + log_prior).reshape(len(GRID), -1)) - worth * GRID, len(lengths))
        view = blurred(one, chunk_error).log
        total += np.log((1 - WRONG_VIEWS) * np.exp(view - view.max()) + WRONG_VIEWS)
        count += len(lengths)
    return Evidence(total, count)


def measured(lengths: Floats, expected: float) -> Evidence:
    """Evidence of lengths (T,) measured in space, in order of time: their median, and how it differs over time."""
    known = lengths[np.isfinite(lengths) & (lengths > 0)]
    logs = np.log(known / expected)
    parts = np.array_split(logs, min(max(len(logs) // 10, 2), 10))
    medians = np.array([np.median(part) for part in parts])
    deviation = max(float(medians.std(ddof=1)) / np.sqrt(len(parts)), 2e-3)
    freedom = len(parts) - 1
    off = (GRID - float(np.median(logs))) / deviation
    return Evidence(-(freedom + 1) / 2 * np.log1p(off**2 / freedom), len(known))


def together(evidence: Sequence[Evidence]) -> Evidence:
    """Evidence of one length from several independent looks at it, such as the left and the right side."""
    return Evidence(np.sum([one.log for one in evidence], axis=0), sum(one.frames for one in evidence))


def blurred(evidence: Evidence, deviation: float) -> Evidence:
    """Evidence with a further error of the log length, of that standard deviation, which all frames have in common."""
    if deviation < 1e-4:
        return evidence
    kernel = np.exp(-0.5 * ((GRID[:, None] - GRID) / deviation) ** 2)
    kernel /= kernel.sum(0, keepdims=True)
    likely = kernel @ np.exp(evidence.log - evidence.log.max())
    return Evidence(np.log(np.maximum(likely, 1e-300)) + evidence.log.max(), evidence.frames)


@lru_cache(maxsize=32)
def _table(noise: float) -> Floats:
    """Log density (tilt, motion, table) of seen over true length, noise being relative to the true length."""
    quantiles = (np.arange(NODES) + 0.5) / NODES
    normal = _normal_quantile(quantiles)
    seen = np.abs(np.cos(TILTS[:, None, None] + MOTIONS[None, :, None] * normal))  # (tilt, motion, node)
    near = np.exp(-0.5 * ((TABLE - seen[..., None]) / noise) ** 2) / (noise * np.sqrt(2 * np.pi))
    return np.asarray(np.log((1 - OUTLIERS) * near.mean(-2) + OUTLIERS / TABLE[-1]))


def _normal_quantile(share: Floats) -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(share))


def _log_sum(log: Floats) -> Floats:
    top = log.max(-1, keepdims=True)
    return np.asarray(np.log(np.exp(log - top).sum(-1)) + top[:, 0])
