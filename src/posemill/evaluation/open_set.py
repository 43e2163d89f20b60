"""Open-set recognition: the score is fitted on train and validation windows, and judged on known and unknown clips.

Nothing of the test split and no unknown activity is needed to fit it: prototypes are of train windows, the threshold is
the score that a share of the validation clips exceeds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.bootstrap import bootstrap_interval
from posemill.evaluation.calibration import softmax
from posemill.features.verdict import grouped_probabilities
from posemill.models.open_set import SMALLEST, OpenSetScore, OpenSetTerms

PROTOTYPES, ROUNDS = 8, 15  # of every class; of k-means
DIMENSIONS = 48  # principal components in which distances are measured
SHRINKAGE = 0.05  # of covariances towards a sphere, so that few windows do
STEADY = 0.01  # of its mean: a feature that varies less is not magnified, since runtimes round differently
LEAST_SPREAD = 0.02  # of a term over validation clips, for the same reason
SURE = 4.0  # of the median validation clip, "none of these" is e^-4 times as probable as its activity
COVERAGES = (20, 50, 80)  # per cent, at which risk is reported
LEAST_CLIPS = 4  # validation clips that a threshold is fitted on


@dataclass(frozen=True, slots=True, eq=False)
class ClassFeatures:
    """Windows as a network sees them.

    logits    (N, C); features (N, D) penultimate ones.
    group     (N,) number of the clip of each.
    """

    logits: NDArray[np.float32]
    features: NDArray[np.float32]
    group: NDArray[np.int64]


def fit_score(
    train: ClassFeatures, target: NDArray[np.int64], validation: ClassFeatures, temperature: float, accepted: float
) -> OpenSetScore | None:
    """Fit the score; None where there are fewer than LEAST_CLIPS validation clips.

    target    (N,) class numbers of the train windows.
    accepted  share of the validation clips that shall not be called "none of these".
    """
    if len(np.unique(validation.group)) < LEAST_CLIPS or not len(target):
        return None
    plain = _plain_score(train, target, temperature)
    terms = _terms(plain, validation, temperature)
    weights = 1 / np.maximum(_clip_means(terms, validation.group).std(0), LEAST_SPREAD)
    of_clip = _clip_means(terms @ weights, validation.group)
    gain = SURE / max(float(np.median(of_clip) - np.quantile(of_clip, 1 - accepted)), SMALLEST)
    # windows that disagree on the activity make it less probable than each of them says
    scaled = validation.logits.astype(np.float64) / temperature
    disagreement = _clip_means(scaled.max(1, keepdims=True) - scaled, validation.group).min(1)
    threshold = np.quantile(of_clip - disagreement / gain, 1 - accepted, method="lower")
    return replace(plain, weights=np.asarray(weights, np.float32), threshold=float(threshold), gain=gain)


def _plain_score(train: ClassFeatures, target: NDArray[np.int64], temperature: float) -> OpenSetScore:
    """The score's description of the train windows, without weights and threshold."""
    mean = train.features.mean(0)
    spread = np.maximum(train.features.std(0), np.maximum(STEADY * np.abs(mean), SMALLEST))
    standard = np.asarray((train.features - mean) / spread, np.float64)
    classes = np.unique(target)
    prototypes = np.concatenate([_centres(_unit(standard[target == c])) for c in classes])
    axes = np.linalg.svd(standard - standard.mean(0), full_matrices=False)[2][:DIMENSIONS].T
    reduced = standard @ axes
    means = np.stack([reduced[target == c].mean(0) for c in classes])
    within = _whitening(reduced - means[np.searchsorted(classes, target)])
    overall = _whitening(reduced - reduced.mean(0))
    arrays = {
        "mean": mean,
        "spread": spread,
        "prototypes": prototypes,
        "within": axes @ within,
        "class_means": means @ within,
        "overall": axes @ overall,
        "overall_mean": reduced.mean(0) @ overall,
        "weights": np.ones(3),
    }
    floats = {name: np.asarray(values, np.float32) for name, values in arrays.items()}
    return OpenSetScore(**floats, threshold=0.0, gain=1.0, temperature=temperature)


def _terms(score: OpenSetScore, windows: ClassFeatures, temperature: float) -> NDArray[np.float64]:
    import torch

    with torch.inference_mode():
        scaled = torch.from_numpy(windows.logits / np.float32(temperature))
        return np.asarray(OpenSetTerms(score)(torch.from_numpy(windows.features), scaled), np.float64)


def _whitening(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, R): of its product with centred rows (N, R) the covariance is one, but for the shrinkage."""
    covariance = centred.T @ centred / len(centred)
    size = max(float(np.trace(covariance)) / len(covariance), SMALLEST)
    values, vectors = np.linalg.eigh(covariance + SHRINKAGE * size * np.eye(len(covariance)))
    return np.asarray(vectors / np.sqrt(values))


def _centres(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """At most PROTOTYPES directions (M, D) that a class's windows (N, D) cluster about: spherical k-means.

    Its own few lines, since a threaded library adds in another order every time, and packages are the same to the bit.
    """
    centres = unit[np.random.default_rng(0).permutation(len(unit))[:PROTOTYPES]]
    for _ in range(ROUNDS):
        nearest = (unit @ centres.T).argmax(1)
        centres = _unit(np.stack([unit[nearest == c].sum(0) for c in np.unique(nearest)]))
    return centres


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, SMALLEST), np.float32)


def _clip_means(values: NDArray[np.floating], group: NDArray[np.int64]) -> NDArray[np.float64]:
    names, at = np.unique(group, return_inverse=True)
    total = np.zeros((len(names), *values.shape[1:]))
    np.add.at(total, at, values)
    return np.asarray(total / np.bincount(at).reshape(-1, *[1] * (values.ndim - 1)))


@dataclass(frozen=True, slots=True, eq=False)
class OpenSetClips:
    """Verdicts on clips of a network with an open-set score, as services give them.

    best        (N,) class number of the most probable taught activity.
    confidence  (N,) its probability.
    margin      (N,) log of its probability over that of "none of these": negative = none of these.
    """

    best: NDArray[np.int64]
    confidence: NDArray[np.float64]
    margin: NDArray[np.float64]

    @classmethod
    def of(cls, logits: NDArray[np.float32], group: NDArray[np.int64], temperature: float) -> OpenSetClips:
        """Aggregate windows: logits (N, C + 1), group (N,) numbers of clips; in ascending order of these."""
        probabilities = grouped_probabilities(softmax(logits, temperature).astype(np.float32), group)[1]
        known = probabilities[:, :-1].astype(np.float64)
        top = known.max(1)
        none = np.maximum(probabilities[:, -1].astype(np.float64), np.finfo(np.float32).tiny)
        return cls(known.argmax(1), top, np.log(np.maximum(top, np.finfo(np.float32).tiny)) - np.log(none))

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """(N,) true where the verdict is "none of these"."""
        return np.asarray(self.margin < 0)

    @property
    def answered_confidence(self) -> NDArray[np.float64]:
        """(N,) confidence, -1 where the verdict is "none of these"."""
        return np.where(self.rejected, -1.0, self.confidence)

    def __len__(self) -> int:
        return len(self.best)


@dataclass(frozen=True, slots=True, eq=False)
class OpenSetResults:
    """Open-set recognition on the test split, and on clips of unknown activities where there are some.

    known    test clips; correct (N,) where their best activity is right.
    unknown  clips of activities that are not among the classes; perhaps none.
    """

    known: OpenSetClips
    correct: NDArray[np.bool_]
    unknown: OpenSetClips

    def metrics(self) -> dict[str, Any]:
        """Return the metrics of metrics.json by name; None where there are no unknown clips."""
        known, unknown = self.known.margin, self.unknown.margin
        there = bool(len(unknown))
        low, high = auroc_interval(known, unknown)
        return {
            "known_accepted": float(1 - self.known.rejected.mean()),
            "unknown_clips": len(unknown),
            "unknown_rejected": float(self.unknown.rejected.mean()) if there else None,
            "auroc_unknown": auroc(known, unknown) if there else None,
            "auroc_unknown_low": low if there else None,
            "auroc_unknown_high": high if there else None,
            **{f"risk_at_coverage_{c}": risk_at(*self._answers, c / 100) for c in COVERAGES},
        }

    @property
    def _answers(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Confidence and correctness of all clips; of an unknown one every answer is wrong."""
        confidence = np.concatenate([_combined(self.known), _combined(self.unknown)])
        return confidence, np.concatenate([self.correct, np.zeros(len(self.unknown), bool)])


def _combined(clips: OpenSetClips) -> NDArray[np.float64]:
    """Order of clips by how sure their verdict is: probability of the activity, then its margin."""
    return clips.confidence + 1e-9 * clips.margin


def auroc(known: NDArray[np.floating], unknown: NDArray[np.floating]) -> float:
    """Area under the ROC curve: share of pairs in which the known clip has the higher score; NaN without a pair.

    Examples:
        >>> auroc(np.array([3.0, 2.0]), np.array([1.0, 2.0]))
        0.875
    """
    from scipy.stats import rankdata

    if not len(known) or not len(unknown):
        return float("nan")
    ranks = rankdata(np.concatenate([known, unknown]))[: len(known)]
    return float((ranks.sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown)))


def auroc_interval(known: NDArray[np.floating], unknown: NDArray[np.floating]) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `auroc`, by clip; NaN without a pair."""
    if not len(known) or not len(unknown):
        return float("nan"), float("nan")
    scores, is_known = np.concatenate([known, unknown]), np.arange(len(known) + len(unknown)) < len(known)
    return bootstrap_interval(
        lambda rows: auroc(scores[rows][is_known[rows]], scores[rows][~is_known[rows]]), range(len(scores)), count=500
    )


def risk_at(confidence: NDArray[np.floating], correct: NDArray[np.bool_], coverage: float) -> float:
    """Return the share of wrong answers among the most confident ones, `coverage` of all; NaN without clips.

    Examples:
        >>> risk_at(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False]), 0.5)
        0.5
    """
    if not len(confidence):
        return float("nan")
    answered = np.argsort(-confidence, kind="stable")[: max(round(coverage * len(confidence)), 1)]
    return float(1 - correct[answered].mean())
