"""Data drift: population stability index (feature-engine) and Kolmogorov-Smirnov statistic (SciPy), with limits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.monitoring.live import Live
from posemill.monitoring.reference import FIGURES, Reference
from posemill.params.monitor import MonitorParams

BINS = 10
EMPTY = 0.005  # share that an empty part counts as; the library's 0.0001 lets one rare activity decide alone
ACTIVITY = "activity"
WORDS = {
    "body_px": "body size",
    "missing": "share of missing keypoints",
    "keypoint_confidence": "keypoint confidence",
    ACTIVITY: "mix of activities",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of one figure. `psi` and `ks` None: not measured (too few values, or no such thing); limits None: not set.

    trained, seen  the median of a number, or the most frequent activity with its share.
    """

    figure: str
    psi: float | None
    ks: float | None
    max_psi: float | None
    max_ks: float | None
    trained: str
    seen: str

    @property
    def passed(self) -> bool:
        """True if no limit is exceeded."""
        pairs = ((self.psi, self.max_psi), (self.ks, self.max_ks))
        return not any(measured is not None and limit is not None and measured > limit for measured, limit in pairs)

    @property
    def says(self) -> str:
        """The figure in one clause, with the limits that are exceeded."""
        over = [
            f"{name} {measured:.2f} above {limit:g}"
            for name, measured, limit in (("PSI", self.psi, self.max_psi), ("KS", self.ks, self.max_ks))
            if measured is not None and limit is not None and measured > limit
        ]
        return f"{WORDS[self.figure]}: {self.seen}, in training {self.trained}" + (
            f" ({', '.join(over)})" if over else ""
        )


def compare(trained: Reference, seen: Live, limits: MonitorParams) -> list[Drift]:
    """Compare every figure, the mix of activities last. PSI needs at least BINS windows on both sides."""
    drifts = []
    for figure in FIGURES:
        a, b = np.array(trained.values[figure]), seen.values[figure]
        b = b[np.isfinite(b)]
        drifts.append(
            Drift(figure, psi(a, b), ks(a, b), limits.max_psi, limits.max_ks, _median(figure, a), _median(figure, b))
        )
    labels = [name for name, count in trained.activities.items() for _ in range(count)]
    counts = {name: seen.activities.count(name) for name in {*trained.activities, *seen.activities}}
    drifts.append(
        Drift(
            ACTIVITY,
            mix_psi(labels, seen.activities),
            None,
            limits.max_activity_psi,
            None,
            _most(trained.activities),
            _most(counts),
        )
    )
    return drifts


def psi(trained: NDArray[np.float64], seen: NDArray[np.float64]) -> float | None:
    """Population stability index of a number, over BINS bins of equal frequency in training.

    None with fewer than BINS values on either side.
    """
    if min(len(trained), len(seen)) < BINS:
        return None
    if trained.min() == trained.max():  # no bins can be made: equal, or not
        return mix_psi([str(v) for v in trained], [str(v) for v in seen])
    return _psi(np.concatenate([trained, seen]), len(trained))


def mix_psi(trained: Sequence[str], seen: Sequence[str]) -> float | None:
    """Population stability index of names; None with fewer than BINS on either side.

    >>> round(mix_psi(["a", "b"] * 50, ["a"] * 30 + ["b"] * 70), 3)
    0.169
    """
    if min(len(trained), len(seen)) < BINS:
        return None
    return _psi(np.array([*trained, *seen], object), len(trained))


def ks(trained: NDArray[np.float64], seen: NDArray[np.float64]) -> float | None:
    """Kolmogorov-Smirnov statistic: largest distance of the two cumulative distributions, 0..1.

    >>> ks(np.array([1.0, 2.0]), np.array([3.0]))
    1.0
    """
    from scipy.stats import ks_2samp

    if not min(len(trained), len(seen)):
        return None
    return float(ks_2samp(trained, seen, method="asymp").statistic)


def _psi(values: NDArray[np.generic], first: int) -> float:
    """PSI of the rows from `first` on against those before."""
    import pandas as pd
    from feature_engine.selection import DropHighPSIFeatures

    table = pd.DataFrame({"value": values, "unused": np.zeros(len(values))})  # it will not drop a table's only column
    if values.dtype == object:
        table["value"] = table["value"].astype("category")
    selector = DropHighPSIFeatures(
        cut_off=first - 1, bins=BINS, min_pct_empty_bins=EMPTY, variables=["value"], missing_values="ignore"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it tries whether names are dates
        selector.fit(table)
    return float(selector.psi_values_["value"])


def _median(figure: str, values: NDArray[np.float64]) -> str:
    if not len(values):
        return "nothing"
    median = float(np.median(values))
    return f"median {median:.0f} px" if figure == "body_px" else f"median {median:.2f}"


def _most(counts: Mapping[str, int]) -> str:
    if not sum(counts.values()):
        return "nothing"
    name = max(sorted(counts), key=lambda n: counts[n])
    return f"most often {name} ({100 * counts[name] / sum(counts.values()):.0f} %)"
