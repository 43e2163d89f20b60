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
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.evaluation.calibration import fit_temperature, softmax
from posemill.evaluation.open_set import ClassFeatures, OpenSetClips, auroc, auroc_interval, fit_score, risk_at
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.ingest.datasets.penn_action import read_files, sequences
from posemill.ingest.sequence import Fault
from posemill.models.inference import predict_logits
from posemill.models.open_set import OpenSetNetwork, with_features
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.track import PoseTrack, State
from posemill.pose.window import WindowSpec
from posemill.synth.activities import ACTIVITIES, FALLS, move
from posemill.synth.body import Body, Rig, rig
from posemill.synth.camera import SIZES, around, random_view, watching
from posemill.synth.corpus import _ON_THE_FLOOR, _WATCHED
from posemill.synth.estimated import Labeller, estimate
from posemill.synth.motion import Motion, Style
from posemill.synth.repetitive import random_motion
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import fit

SPEC = WindowSpec(duration_s=2.0, stride_s=1.0, rate_hz=24.0, scales=(0.5, 1, 2), smooth_s=0.1)
TAKES = {"train": 36, "validation": 8, "test": 8}  # of every rendered activity
MOVEMENTS = 1200  # random ones, for --none-class
RATES = (10.0, 15.0, 25.0, 30.0)
ACCEPTED = 0.95
LEAST_KEYPOINTS = 5
FAMILIES = {
    **dict.fromkeys(("fall", *FALLS), "fall"),
    **dict.fromkeys(("sit", "sit_slowly", "plump_down"), "sit down"),
    **dict.fromkeys(("idle", "stand_about", "asana_mountain"), "stand"),
    **dict.fromkeys(("plank", "asana_plank_pose"), "plank"),
    **dict.fromkeys(("lie_down_bed", "lie_down_floor"), "lie down"),
    **dict.fromkeys(("crouch", "pick_up", "tie_shoes", "play_with_pet", "kneel"), "crouch"),
    **dict.fromkeys(("exercise", "squat", "asana_chair_pose"), "squat"),
}
Scores = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """Windows (N, T, K, 3) with activity, clip and part of each."""

    windows: NDArray[np.float32]
    activity: NDArray[np.str_]
    clip: NDArray[np.int64]
    part: NDArray[np.str_]

    @classmethod
    def of(cls, rows: Iterator[tuple[PoseTrack, str, str]]) -> Clips:
        """Cut tracks with activity and part."""
        plain, cut = FeaturePipeline(BODY_12, SPEC), []
        for number, (track, activity, part) in enumerate(rows):
            windows, _ = plain.windows(track)
            cut.append((windows, activity, number, part))
        counts = [len(windows) for windows, *_ in cut]
        columns = [np.repeat(np.array(column), counts) for column in list(zip(*cut, strict=True))[1:]]
        return cls(np.concatenate([windows for windows, *_ in cut]), *columns)

    def where(self, rows: NDArray[np.bool_]) -> Clips:
        """Return some windows."""
        return Clips(self.windows[rows], self.activity[rows], self.clip[rows], self.part[rows])


def joined(one: Clips, other: Clips) -> Clips:
    """Return the windows of both."""
    columns = ("windows", "activity", "clip", "part")
    return Clips(*(np.concatenate([getattr(one, name), getattr(other, name)]) for name in columns))


def family(activity: str) -> str:
    """Return the family of a rendered activity."""
    return FAMILIES.get(activity, activity.removesuffix("_left").removesuffix("_right"))


def rendered(name: str, seed: int, usual: bool) -> PoseTrack:
    """One take of an activity by somebody, as a pose network reports it; not usual: in another style."""
    rng = np.random.default_rng([seed, list(ACTIVITIES).index(name), usual])
    fps, style = float(rng.choice(RATES)), Style.random(rng)
    if not usual:
        tempo, size = rng.choice([0.65, 1.45]), rng.choice([0.75, 1.15])
        style = replace(style, tempo=float(tempo * rng.uniform(0.95, 1.05)), amplitude=float(size))
    motion = move(name, np.arange(round(rng.uniform(3, 5) * fps)) / fps, style, rng)
    return filmed(motion, fps, name in _WATCHED, name in _ON_THE_FLOOR, rng)


def filmed(motion: Motion, fps: float, watched: bool, floor: bool, rng: np.random.Generator) -> PoseTrack:
    """A motion of some body before some camera."""
    posed: Rig = rig(Body.random(rng), motion)
    points, size = np.concatenate(list(posed.points.values())), SIZES[rng.integers(len(SIZES))]
    if watched:
        camera = watching(points, size, rng)[1]
    else:
        camera = around(points, random_view(rng, floor, motion.walking), size)
    return estimated(camera.project(posed.keypoints())[0], size, fps, rng)


def estimated(exact: NDArray[np.float64], size: tuple[int, int], fps: float, rng: np.random.Generator) -> PoseTrack:
    """Exact keypoints (T, 17, 2) with an estimator's errors."""
    xy, confidence = estimate(exact, size, fps, Labeller.random(rng), rng)
    frames = np.flatnonzero(np.isfinite(xy[..., 0]).any(1)).astype(np.int32)
    state = np.full(len(frames), State.PREDICTED, np.uint8)
    return PoseTrack(COCO_17, 0, frames, frames / fps, xy[frames], confidence[frames], state)


def rendered_clips() -> Clips:
    """Every activity, and in unusual styles (part `styles`)."""

    def rows() -> Iterator[tuple[PoseTrack, str, str]]:
        for name in ACTIVITIES:
            parts = [part for part, takes in TAKES.items() for _ in range(takes)]
            for take, part in enumerate(parts):
                yield rendered(name, take, True), family(name), part
            for take in range(TAKES["test"]):
                yield rendered(name, take, False), family(name), "styles"

    return Clips.of(rows())


def random_movement() -> Clips:
    """Random movement of people, no activity at all."""

    def rows() -> Iterator[tuple[PoseTrack, str, str]]:
        for seed in range(MOVEMENTS):
            rng = np.random.default_rng([seed, 999])
            fps = float(rng.choice(RATES))
            motion = random_motion(rng, rng.uniform(3, 6), fps)
            yield filmed(motion, fps, rng.random() < 0.3, rng.random() < 0.3, rng), "none", "train"

    return Clips.of(rows())


def penn_clips(labels: Path) -> tuple[Clips, Clips]:
    """Return clips as annotated, and with an estimator's errors: every seventh of the train split is for validation."""
    clean, noisy = [], []
    for number, sequence in enumerate(sequences(read_files(labels))):
        if isinstance(sequence, Fault) or not usable(sequence.tracks.tracks):
            continue
        part = sequence.split if sequence.split == "test" else ("validation" if number % 7 == 0 else "train")
        track, size = sequence.tracks.tracks[0], (sequence.tracks.width_px, sequence.tracks.height_px)
        clean.append((track, sequence.activity, str(part)))
        noisy.append((with_errors(track, size, number), sequence.activity, str(part)))
    return Clips.of(iter(clean)), Clips.of(iter(noisy))


def usable(tracks: tuple[PoseTrack, ...]) -> bool:
    """True if there is a person of at least LEAST_KEYPOINTS keypoints: the product's validation rejects others too."""
    counts = [np.isfinite(track.xy[..., 0]).sum(1) for track in tracks if len(track) > 1]
    return bool(counts) and float(np.median(counts[0])) >= LEAST_KEYPOINTS


def with_errors(track: PoseTrack, size: tuple[int, int], seed: int) -> PoseTrack:
    """Annotated keypoints with an estimator's errors; those that are never annotated stay unseen.

    The face's keypoints are put where Penn Action's head is, since errors are shares of the person's size.
    """
    names = {name: i for i, name in enumerate(track.skeleton.keypoints)}
    xy = np.stack([track.xy[:, names.get(name, names["head"])] for name in COCO_17.keypoints], 1).astype(np.float64)
    seen = np.isfinite(xy[..., 0])
    never = ~seen.any(0)
    for k in np.flatnonzero(~never):
        for axis in range(2):
            xy[:, k, axis] = np.interp(track.time_s, track.time_s[seen[:, k]], xy[seen[:, k], k, axis])
    xy[:, never] = np.nanmedian(xy[:, ~never].reshape(-1, 2), axis=0)
    rng = np.random.default_rng([seed, 4])
    found, confidence = estimate(xy, size, 30.0, Labeller.random(rng), rng)
    found[:, never], confidence[:, never] = np.nan, 0
    kept = np.isfinite(found[..., 0]).any(1)
    return PoseTrack(
        COCO_17, 0, track.frame[kept], track.time_s[kept], found[kept], confidence[kept], track.state[kept]
    )


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Scores of clips by candidate; right (N,) of the closed-set answer, known (N,); shares that are accepted."""

    scores: Scores
    right: NDArray[np.bool_]
    known: NDArray[np.bool_]
    accepted: float
    accepted_styles: float


def ask(trained: Clips, asked: Clips, unknown: list[str], epochs: int, width: int, none: Clips | None) -> Asked:
    """Train on the train windows of `trained` without `unknown`, and score the windows of `asked`."""
    own = trained.where(~np.isin(trained.activity, unknown) & np.isin(trained.part, ("train", "validation")))
    classes = sorted(set(own.activity))
    if none is not None:
        own = joined(own, replace(none, clip=none.clip + own.clip.max() + 1))
        classes.append("none")
    target = np.array([classes.index(a) for a in own.activity])
    features = FeaturePipeline(BODY_12, SPEC).fit(own.windows[own.part == "train"])
    params = TrainParams(
        hyper={"tcn": {"width": width, "kernel": 3}},
        epochs=epochs,
        batch=64,
        patience=epochs,
        windows_per_clip=3,
        learning_rate=0.002,
        augment=AugmentParams(jitter=0.015, drift=0.04, drop_clip=0.15, drop_limb=0.15),
    )
    with tempfile.TemporaryDirectory() as scratch:
        index = WindowIndex(target, own.clip, own.part)
        network = fit(params, own.windows, index, features, classes, Path(scratch) / "fit").network
    both, count = with_features(network), len(classes) - (none is not None)

    def seen(windows: NDArray[np.float32], clip: NDArray[np.int64]) -> ClassFeatures:
        found = predict_logits(both, features, windows, np.arange(len(windows)), 256)
        return ClassFeatures(found[:, : len(classes)], found[:, len(classes) :], clip)

    train_rows = (own.part == "train") & (own.activity != "none")
    train = seen(own.windows[train_rows], own.clip[train_rows])
    held = asked.where(~np.isin(asked.activity, unknown) & (asked.part == "validation"))
    validation = seen(held.windows, held.clip)
    held_target = np.array([classes.index(a) for a in held.activity])
    temperature = fit_temperature(validation.logits[:, :count], held_target)
    only = [replace(part, logits=part.logits[:, :count]) for part in (train, validation)]
    score = fit_score(only[0], target[train_rows], only[1], temperature, ACCEPTED)
    assert score is not None
    if none is None:
        answering = OpenSetNetwork(network, score, count)

    def judged(clips: Clips) -> tuple[Scores, NDArray[np.int64]]:
        there = seen(clips.windows, clips.clip)
        product = None
        if none is None:
            logits = predict_logits(answering, features, clips.windows, np.arange(len(clips.windows)), 256)
            product = OpenSetClips.of(logits, clips.clip, temperature)
        return candidates(only[0], target[train_rows], there, count, temperature, product, none is not None)

    part = asked.where((asked.part == "asked") | (np.isin(asked.activity, unknown) & (asked.part == "unknown")))
    scores, best = judged(part)
    first = np.unique(part.clip, return_index=True)[1]
    known = ~np.isin(part.activity[first], unknown)
    actual = np.array([classes.index(a) if k else -1 for a, k in zip(part.activity[first], known, strict=True)])
    styles = asked.where((asked.part == "styles") & ~np.isin(asked.activity, unknown))
    accepted = scores["product"][known] >= 0 if none is None else np.array([np.nan])
    of_styles = judged(styles)[0]["product"] >= 0 if none is None and len(styles.clip) else np.array([np.nan])
    return Asked(scores, best == actual, known, float(accepted.mean()), float(of_styles.mean()))


def candidates(
    train: ClassFeatures,
    target: NDArray[np.int64],
    asked: ClassFeatures,
    classes: int,
    temperature: float,
    product: OpenSetClips | None,
    has_none: bool,
) -> tuple[Scores, NDArray[np.int64]]:
    """Return a score a clip of every candidate, high = known, and the number of the closed-set answer."""
    logits = asked.logits[:, :classes].astype(np.float64)
    mean, spread = train.features.mean(0), train.features.std(0) + 1e-6
    z, q = ((part.features - mean) / spread for part in (train, asked))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (z, q)]
    some = np.random.default_rng(0).permutation(len(z))[:1500]
    means = np.stack([z[target == c].mean(0) for c in range(classes)])
    within, overall = (np.linalg.inv(shrunk(v)) for v in (z - means[target], z - z.mean(0)))
    distance = np.stack([quadratic(q - m, within) for m in means], 1).min(1)
    windows = {
        "maximum logit": logits.max(1),
        "energy": log_sum(logits),
        "Mahalanobis": -distance,
        "relative Mahalanobis": quadratic(q - z.mean(0), overall) - distance,
        "5th neighbour (cosine)": np.sort(unit[1] @ unit[0][some].T, 1)[:, -5],
    }
    if has_none:
        windows["rendered none class"] = log_sum(logits) - asked.logits[:, classes]
    probabilities = grouped_probabilities(softmax(logits, temperature).astype(np.float32), asked.group)[1]
    scores = {"maximum softmax": np.log(probabilities.max(1).astype(np.float64))}
    scores |= {name: clip_means(values, asked.group) for name, values in windows.items()}
    if has_none:
        scores["rendered none class · softmax"] = (
            -np.logaddexp(0, -scores["rendered none class"]) + scores["maximum softmax"]
        )
    if product is not None:
        scores["product"] = product.margin
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


def with_parts(clips: Clips, part: str, unknown: list[str]) -> Clips:
    """Mark what is asked: known clips of the part as `asked`, unknown ones as `unknown`; the rest is to fit on."""
    marked = np.where(np.isin(clips.activity, unknown) & (clips.part == part), "unknown", clips.part)
    if part == "test":
        marked = np.where((marked == "test") & ~np.isin(clips.activity, unknown), "asked", marked)
    else:  # validation clips of two halves: one to fit, one to ask
        marked = np.where((marked == "validation") & (clips.clip % 2 == 0), "asked", marked)
    return replace(clips, part=marked)


def rendered_split(names: list[str], seed: int, part: str) -> tuple[list[str], list[str]]:
    """Return the families that are asked about as unknown, and those that play no part."""
    order, fifth = np.random.default_rng(seed).permutation(sorted(names)).tolist(), len(names) // 5
    sides = order[:fifth], order[fifth : 2 * fifth]
    return (sides[0], sides[1]) if part == "test" else (sides[1], sides[0])


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
