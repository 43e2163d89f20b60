"""Open-set recognition: networks are trained on a part of the activities and asked about the others too.

    python benchmarks/open_set.py [--penn LABELS] [--splits 10,11,12] [--part test] [--none-class] [--json]

Two materials, cut into windows and trained as the product does (one `tcn` of width 64, 15 epochs, one thread: about a
minute each):

- rendered people, keypoints only, through the error model of posemill.synth.estimated: every activity of
  posemill.synth, those that are hardly told apart as one family. Of the families 60 % are known, 20 % are asked about
  with `--part validation` and the other 20 % with `--part test`. A further row has the known activities in styles that
  no training clip has: slower, faster, larger or smaller movements.
- with `--penn LABELS` (Penn Action's folder or labels.tar.gz): 10 of the 15 activities are known. Training clips are
  those of the official train split, as they were annotated; the clips that are asked about, of the official test split
  or (`--part validation`) of the train split, have an estimator's errors added.

A table a material: AUROC of known against unknown clips, risk (share of wrong answers, an answer to an unknown clip
being wrong) at 20, 50 and 80 % coverage of all clips, and of the known clips alone at 80 %. Means over splits, the
lowest AUROC, and the 95 % interval over clips of the product's score. `--none-class` trains with rendered random
movement as one more class, and adds what that class says.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from open_set_clips import (
    SPEC,
    Clips,
    joined,
    penn_clips,
    random_movement,
    rendered_clips,
    rendered_split,
    with_parts,
)
from posemill.evaluation.calibration import fit_temperature, softmax
from posemill.evaluation.open_set import ClassFeatures, OpenSetClips, auroc, auroc_interval, fit_score, risk_at
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.models.inference import predict_logits
from posemill.models.open_set import OpenSetNetwork, with_features
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.skeleton import BODY_12
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import fit

ACCEPTED = 0.95
NONE = "none"
Scores = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained network; has_none: its last class is of rendered random movement."""

    network: nn.Module
    features: FeaturePipeline
    classes: list[str]
    has_none: bool

    @property
    def count(self) -> int:
        """Number of activities."""
        return len(self.classes) - self.has_none

    def seen(self, clips: Clips) -> ClassFeatures:
        """Windows as the network sees them; logits of the last class too."""
        rows = np.arange(len(clips.windows))
        found = predict_logits(with_features(self.network), self.features, clips.windows, rows, 256)
        return ClassFeatures(found[:, : len(self.classes)], found[:, len(self.classes) :], clips.clip)

    def known(self, clips: Clips) -> ClassFeatures:
        """As `seen`, without the last class."""
        there = self.seen(clips)
        return replace(there, logits=there.logits[:, : self.count])

    def target(self, clips: Clips) -> NDArray[np.int64]:
        """(N,) class numbers of windows, -1 for an activity that it was not taught."""
        return np.array([self.classes.index(a) if a in self.classes else -1 for a in clips.activity])


def train(clips: Clips, epochs: int, width: int, none: Clips | None) -> Trained:
    """Train on windows of the parts train and validation."""
    classes = sorted(set(clips.activity))
    if none is not None:
        clips = joined(clips, replace(none, clip=none.clip + clips.clip.max() + 1))
        classes.append(NONE)
    features = FeaturePipeline(BODY_12, SPEC).fit(clips.windows[clips.part == "train"])
    params = TrainParams(
        hyper={"tcn": {"width": width, "kernel": 3}},
        epochs=epochs,
        batch=64,
        patience=epochs,
        windows_per_clip=3,
        learning_rate=0.002,
        augment=AugmentParams(jitter=0.015, drift=0.04, drop_clip=0.15, drop_limb=0.15),
    )
    index = WindowIndex(np.array([classes.index(a) for a in clips.activity]), clips.clip, clips.part)
    with tempfile.TemporaryDirectory() as scratch:
        network = fit(params, clips.windows, index, features, classes, Path(scratch) / "fit").network
    return Trained(network, features, classes, none is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Scores of clips by candidate; right (N,) of the closed-set answer, known (N,); shares that are accepted."""

    scores: Scores
    right: NDArray[np.bool_]
    known: NDArray[np.bool_]
    accepted: float
    accepted_styles: float


def ask(clips: Clips, asked: Clips, unknown: list[str], epochs: int, width: int, none: Clips | None) -> Asked:
    """Train on `clips` without the unknown activities, fit the scores on validation, and score the part `asked`."""
    own = clips.where(~np.isin(clips.activity, unknown) & np.isin(clips.part, ("train", "validation")))
    trained, taught = train(own, epochs, width, none), own.where(own.part == "train")
    validation = asked.where(~np.isin(asked.activity, unknown) & (asked.part == "validation"))
    held = trained.known(validation)
    temperature = fit_temperature(held.logits, trained.target(validation))
    seen, target = trained.known(taught), trained.target(taught)
    score = fit_score(seen, target, held, temperature, ACCEPTED)
    assert score is not None
    product = None if trained.has_none else OpenSetNetwork(trained.network, score, trained.count)

    def judged(there: Clips) -> tuple[Scores, NDArray[np.int64]]:
        scores, best = candidates(trained, seen, target, there, temperature)
        if product is not None:
            logits = predict_logits(product, trained.features, there.windows, np.arange(len(there.windows)), 256)
            scores["product"] = OpenSetClips.of(logits, there.clip, temperature).margin
        return scores, best

    part = asked.where(np.isin(asked.part, ("asked", "unknown")))
    scores, best = judged(part)
    actual = trained.target(part)[np.unique(part.clip, return_index=True)[1]]
    styles = asked.where((asked.part == "styles") & ~np.isin(asked.activity, unknown))
    accepted = of_styles = float("nan")
    if product is not None:
        accepted = float((scores["product"][actual >= 0] >= 0).mean())
        of_styles = float((judged(styles)[0]["product"] >= 0).mean()) if len(styles.clip) else of_styles
    return Asked(scores, best == actual, actual >= 0, accepted, of_styles)


def candidates(
    trained: Trained, taught: ClassFeatures, target: NDArray[np.int64], clips: Clips, temperature: float
) -> tuple[Scores, NDArray[np.int64]]:
    """Return a score a clip of every candidate, high = known, and the number of the closed-set answer.

    taught  the train windows, whose classes are `target`.
    """
    asked = trained.seen(clips)
    logits = asked.logits[:, : trained.count].astype(np.float64)
    mean, spread = taught.features.mean(0), taught.features.std(0) + 1e-6
    z, q = ((part.features - mean) / spread for part in (taught, asked))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (z, q)]
    some = np.random.default_rng(0).permutation(len(z))[:1500]
    means = np.stack([z[target == c].mean(0) for c in range(trained.count)])
    within, overall = (np.linalg.inv(shrunk(v)) for v in (z - means[target], z - z.mean(0)))
    distance = np.stack([quadratic(q - m, within) for m in means], 1).min(1)
    windows = {
        "maximum logit": logits.max(1),
        "energy": log_sum(logits),
        "Mahalanobis": -distance,
        "relative Mahalanobis": quadratic(q - z.mean(0), overall) - distance,
        "5th neighbour (cosine)": np.sort(unit[1] @ unit[0][some].T, 1)[:, -5],
    }
    if trained.has_none:
        windows["rendered none class"] = log_sum(logits) - asked.logits[:, -1]
    probabilities = grouped_probabilities(softmax(logits, temperature).astype(np.float32), clips.clip)[1]
    scores = {"maximum softmax": np.log(probabilities.max(1).astype(np.float64))}
    scores |= {name: clip_means(values, clips.clip) for name, values in windows.items()}
    if trained.has_none:
        known = -np.logaddexp(0, -scores["rendered none class"])
        scores["none class · softmax"] = known + scores["maximum softmax"]
    return scores, probabilities.argmax(1)


def shrunk(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Covariance of centred rows, 5 % of it a sphere."""
    covariance = np.cov(centred.T)
    return np.asarray(covariance + 0.05 * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))


def quadratic(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared length of rows under a matrix."""
    return np.asarray(((rows @ matrix) * rows).sum(1))


def log_sum(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the sum of exponentials, by row."""
    return np.asarray(np.logaddexp.reduce(logits, axis=1))


def clip_means(values: NDArray[np.float64], clip: NDArray[np.int64]) -> NDArray[np.float64]:
    """Mean of every clip's windows."""
    at = np.unique(clip, return_inverse=True)[1]
    return np.asarray(np.bincount(at, values) / np.bincount(at))


def mean_risk(rows: list[Asked], name: str, coverage: float) -> float:
    """Risk at a coverage of all clips, an answer to an unknown one being wrong; mean over splits."""
    return float(np.mean([risk_at(row.scores[name], row.right & row.known, coverage) for row in rows]))


def table(title: str, rows: list[Asked]) -> dict[str, object]:
    """Print the table of a material; returns its figures."""
    accuracy = np.mean([r.right[r.known].mean() for r in rows])
    unknown, known = sum((~r.known).sum() for r in rows), sum(r.known.sum() for r in rows)
    print(f"\n{title}: {len(rows)} splits, {known} known and {unknown} unknown clips, accuracy {accuracy:.1%}")
    print(f"{'':30} {'AUROC':>6} {'lowest':>7}   risk at 20, 50, 80 %     known alone, 80 %")
    figures: dict[str, object] = {"accuracy": round(float(accuracy), 4)}
    for name in rows[0].scores:
        found = [auroc(r.scores[name][r.known], r.scores[name][~r.known]) for r in rows]
        risks = [mean_risk(rows, name, coverage) for coverage in (0.2, 0.5, 0.8)]
        alone = float(np.mean([risk_at(r.scores[name][r.known], r.right[r.known], 0.8) for r in rows]))
        said = " ".join(f"{risk:6.1%}" for risk in risks)
        print(f"{name:30} {np.mean(found):6.3f} {min(found):7.3f}   {said} {alone:18.1%}")
        figures[name] = [round(float(v), 4) for v in (np.mean(found), min(found), *risks, alone)]
    if "product" in rows[0].scores:
        pooled = [np.concatenate([r.scores["product"][r.known == side] for r in rows]) for side in (True, False)]
        low, high = auroc_interval(*pooled)
        best = float(np.mean([max(0.8 - r.known.mean(), 0) / 0.8 for r in rows]))
        accepted, styles = (float(np.mean([getattr(r, f) for r in rows])) for f in ("accepted", "accepted_styles"))
        rejected = float(np.mean([(r.scores["product"][~r.known] < 0).mean() for r in rows]))
        print(f"product: 95 % interval over all clips {low:.3f} to {high:.3f}; at its threshold")
        print(f"{accepted:.1%} of the known clips are accepted ({styles:.1%} in other styles),")
        print(f"{rejected:.1%} of the unknown are none of these; least risk that is possible at 80 %: {best:.1%}")
        figures |= {"interval": [low, high], "accepted": accepted, "styles": styles, "rejected": rejected}
    return figures


def main() -> None:
    """Train, ask, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--penn", type=Path, help="Penn Action's folder or labels.tar.gz")
    parser.add_argument("--no-rendered", action="store_true")
    parser.add_argument("--splits", default="10,11,12", help="seeds of the splits into known and unknown")
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--unknown", type=int, default=5, help="of Penn Action's 15 activities")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--none-class", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seeds = [int(seed) for seed in given.splits.split(",")]
    none = random_movement() if given.none_class else None
    figures: dict[str, object] = {}
    if not given.no_rendered:
        clips, rows = rendered_clips(), []
        for seed in seeds:
            unknown, unused = rendered_split(sorted(set(clips.activity)), seed, given.part)
            used = with_parts(clips.where(~np.isin(clips.activity, unused)), given.part, unknown)
            rows.append(ask(used, used, unknown, given.epochs, given.width, none))
        figures["rendered"] = table("Rendered people", rows)
    if given.penn:
        (clean, noisy), rows = penn_clips(given.penn), []
        for seed in seeds:
            names = sorted(set(clean.activity))
            unknown = np.random.default_rng(seed).permutation(names)[: given.unknown].tolist()
            rows.append(ask(clean, with_parts(noisy, given.part, unknown), unknown, given.epochs, given.width, none))
        figures["penn"] = table("Penn Action", rows)
    if given.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
