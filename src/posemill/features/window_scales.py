"""Window scales that fit the data: shorter windows beside the usual ones where many clips are shorter than a window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

USUAL = (1.0,)
WITH_SHORTER = (0.5, 1.0)


def fitted_scales(duration_s: float, clips_s: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the scales for windows of `duration_s` over clips of these durations (N,) in seconds.

    Where a quarter of the clips or more are shorter than a window, windows of half its duration come too. They are
    seen at their own speed instead of being stretched, and there are several of a clip to learn from.

    Examples:
        >>> fitted_scales(2.0, np.array([2.5, 3.0, 4.0]))
        (1.0,)
        >>> fitted_scales(2.0, np.array([0.8, 1.2, 4.0]))
        (0.5, 1.0)
    """
    return WITH_SHORTER if len(clips_s) and np.quantile(clips_s, 0.25) < duration_s else USUAL
