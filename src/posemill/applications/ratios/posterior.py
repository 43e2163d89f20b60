"""Posterior of a body's segment lengths: what frames show, and how people are usually built.

Every segment is the person's size times its usual share, times a factor of its own. Sizes and factors are unknown; the
lengths' likelihoods decide, and where frames say little, the usual build does. How much is the build's word is told by
`learned`, so that nobody takes the average person for a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posemill.applications.mocap.points import Floats
from posemill.applications.ratios.likelihood import GRID, Evidence
from posemill.applications.ratios.segments import SEGMENTS

SAMPLES = 4000
SIZES = np.linspace(-0.25, 0.25, 101)  # log size, relative to the expected one
SIZE_SPREAD = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Samples of lengths.

    logs     segment → (S,) log length, relative to the usual one of the expected size.
    learned  segment → share of the variance of its build that frames have removed, 0 = nothing learned.
    """

    logs: Mapping[str, Floats]
    learned: Mapping[str, float]


def sample(evidence: Mapping[str, Evidence], seed: int = 0) -> Posterior:
    """Sample the posterior of the log lengths of all segments with evidence; the same evidence, the same samples."""
    rng = np.random.default_rng(seed)
    names = list(evidence)
    given_size = {name: _given_size(name, evidence[name]) for name in names}  # (sizes, grid) log
    size = -0.5 * (SIZES / SIZE_SPREAD) ** 2 + sum(_log_mean(given_size[name]) for name in names)
    sizes = _drawn(rng, np.tile(size, (SAMPLES, 1)), SIZES)
    row = np.clip(np.round((sizes - SIZES[0]) / (SIZES[1] - SIZES[0])).astype(int), 0, len(SIZES) - 1)
    logs = {name: _drawn(rng, given_size[name][row], GRID) for name in names}
    learned = {name: 1 - float(np.var(logs[name] - sizes)) / SEGMENTS[name].spread ** 2 for name in names}
    return Posterior(logs, learned)


def _given_size(name: str, evidence: Evidence) -> Floats:
    """Log posterior (sizes, grid) of a segment's log length for every size, not normalised."""
    own = (GRID[None] - SIZES[:, None]) / SEGMENTS[name].spread
    return np.asarray(evidence.log - evidence.log.max() - 0.5 * own**2)


def _log_mean(log: Floats) -> Floats:
    top = log.max(-1, keepdims=True)
    return np.asarray(np.log(np.exp(log - top).sum(-1)) + top[:, 0])


def _drawn(rng: np.random.Generator, log: Floats, values: Floats) -> Floats:
    """Draw one of the values (V,) per row of log weights (S, V), spread within its step."""
    weight = np.exp(log - log.max(-1, keepdims=True))
    total = weight.cumsum(-1)
    chosen = (total < rng.uniform(size=(len(log), 1)) * total[:, -1:]).sum(-1)
    return np.asarray(values[chosen] + rng.uniform(-0.5, 0.5, len(log)) * (values[1] - values[0]))
