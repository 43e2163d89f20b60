"""Streaming density of repetitions: how many pass in each bin of time, known a few seconds later.

The network is run over a sliding window that ends with the newest bin; what it says of bins that have enough future
is final. A file and a stream are treated alike, so their counts are equal, and memory does not grow.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from posemill.applications.repetitions.network import PERIODS_BINS, DensityNetwork
from posemill.applications.repetitions.poses import KEYPOINTS, Floats, Mask
from posemill.applications.repetitions.similarity import features, local_movement, moving_mean

HOP_BINS = 10
LEAST_MOVEMENT = 0.12  # deviations of the pose, of the keypoint that moves most: less is the estimator's jitter
_LOGIT_BINS, _LENGTH_BINS = 7, 25  # over which the network's answers are averaged


def density_of(logits: Floats, movement: Floats) -> Floats:
    """Return the repetitions of each bin: the probability of being within one over its length.

    logits    (T, 1 + P), see DensityNetwork.
    movement  (T,), see local_movement; bins with next to none have no repetition.
    """
    active = moving_mean(logits[None, :, :1], _LOGIT_BINS)[0, :, 0]
    probability = 1 / (1 + np.exp(-active.clip(-30, 30)))
    lengths = moving_mean(logits[None, :, 1:], _LENGTH_BINS)[0]
    share = np.exp(lengths - lengths.max(1, keepdims=True))
    geometric_mean = np.exp((share @ np.log(PERIODS_BINS)) / share.sum(1))
    return np.where(movement > LEAST_MOVEMENT, probability / geometric_mean, 0).astype(np.float32)


class DensityStream:
    """Runs the network over a sliding window.

    Args:
        network: says the density of every bin of a window.
        window_bins: bins that are kept and looked at.
        lookahead_bins: bins of future that a bin must have before its density is final.
    """

    def __init__(self, network: DensityNetwork, window_bins: int, lookahead_bins: int) -> None:
        self._network, self._lookahead = network, lookahead_bins
        self._poses: deque[Floats] = deque(maxlen=window_bins)
        self._seen: deque[Mask] = deque(maxlen=window_bins)
        self._newest = 0  # bins pushed
        self._final = 0  # bins whose density was returned

    def push(self, pose: Floats, seen: Mask) -> Floats:
        """Add a bin and return the densities that became final, usually none and sometimes those of a second."""
        self._poses.append(pose)
        self._seen.append(seen)
        self._newest += 1
        due = self._newest - self._final >= self._lookahead + HOP_BINS
        return self._settle(self._newest - self._lookahead) if due else np.zeros(0, np.float32)

    def finish(self) -> Floats:
        """Return the densities of all bins that were still open."""
        return self._settle(self._newest)

    def _settle(self, end: int) -> Floats:
        wanted = end - self._final
        self._final = end
        if wanted <= 0:
            return np.zeros(0, np.float32)
        start = self._newest - len(self._poses)
        seen = np.stack(self._seen)
        if not seen.any():
            return np.zeros(wanted, np.float32)
        poses = np.stack(self._poses).reshape(-1, KEYPOINTS, 2)
        logits = self._network(features(poses[None], seen[None])[0])
        density = density_of(logits, local_movement(poses[None], seen[None])[0])
        return density[end - wanted - start : end - start]
