"""Yoga identifier on real people: clips of five people person-disjoint, photos with near copies kept together.

    python benchmarks/yoga.py [FOLDER] [--json] [--only clips|photos]

FOLDER (default ../shared/apps/yoga) holds poses.npz (kp (N, 33, 4) MediaPipe x, y, z, visibility; cls, subject,
camera, frame, sequence) and photos/ with photos.csv (file, pose, near_copies). Everything runs through the product:
photos are read and posed as media, windows are cut, networks trained, packaged and asked as users do it.

clips    leave-one-person-out: a model is trained on the other people's clips (the longest hold of each is the pose,
         what differs from it is `other`), packaged, and the application streams every clip. A clip's pose is that of
         the longest hold. Frames: as recognised at that moment (causal; the way in is counted as wrong), those
         in which a pose was recognised, and with that of the longest hold for every frame (known at its end).
photos   grouped 5-fold, and ten photos a pose with all groups not among them as test.
unknown  one pose left out of training: AUROC of the probability between known and unknown photos.
rendered the embedded model, trained on rendered people only, on all of it.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posemill.applications.protocol import StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.yoga import YogaIdentifier
from posemill.applications.yoga.pose_model import EMBEDDED, LEAST_TEMPERATURE, load_pose_model
from posemill.estimation.estimator import PoseEstimator
from posemill.evaluation.calibration import fit_temperature
from posemill.evaluation.classification_metrics import wilson_interval
from posemill.features.clip_windows import clip_windows
from posemill.features.pipeline import FeaturePipeline
from posemill.packaging.assemble import assemble
from posemill.params.train import AugmentParams, TrainParams
from posemill.pose.holds import STILL, longest_hold, speed
from posemill.pose.skeleton import BLAZEPOSE_33, COCO_17, conversion_index
from posemill.pose.window import WindowSpec
from posemill.synth.still_asanas import STILL_ASANAS, still_keypoints
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import FitResult, fit

SPEC = WindowSpec(sampling="still", duration_s=0.6, stride_s=0.3, clip_frames=8)
FPS = 15.0  # of poses.npz, which does not say it; holds are timed in it only
SIZE_PX = (1600, 900)
OTHER = "other"
RENDERED = 80  # rendered poses of each asana beside those of real people
UNLIKE = 0.12  # body lengths a keypoint, from which a pose is not the one that is held
NAMES = {"downdog": "downward_dog", "warrior": "warrior_2", "warrior2": "warrior_2"}  # of the embedded model
TRAINING = TrainParams(
    network="mlp",
    hyper={"mlp": {"width": 192, "depth": 2, "dropout": 0.2}},
    pretrained="yoga",
    pretrained_parts="body",
    epochs=25,
    batch=32,
    learning_rate=2e-3,
    mixup=0.0,
    augment=AugmentParams(
        rotate_rad=0.2, swap_stretches=0.3, jitter=0.0, drift=0.04, drop_frames=0.0, drop_limb=0.15, crop=1.0
    ),
)
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained network with its feature pipeline."""

    result: FitResult
    features: FeaturePipeline
    classes: list[str]
    temperature: float = 1.0

    def probabilities(self, windows: Floats) -> Floats:
        """(N, C) of windows (N, T, K, 3) in pixels."""
        with torch.no_grad():
            logits = self.result.network(torch.from_numpy(self.features.transform(windows)))
        return np.asarray(torch.softmax(logits / self.temperature, 1).numpy())

    def package(self, folder: Path) -> Path:
        """Write the package that the application loads."""
        windows = np.zeros((2, *self.features.shape), np.float32)
        windows[..., :2] = np.random.default_rng(0).uniform(0, 100, windows[..., :2].shape)
        assemble(folder, self.result.network, self.result.card, self.features, windows, self.temperature, {}, {})
        return folder


def held(poses: Floats) -> Floats:
    """Poses (N, K, 2), NaN = not seen, as windows (N, T, K, 3)."""
    known = ~np.isnan(poses[..., :1])
    return np.repeat(np.concatenate([poses, known], -1)[:, None], SPEC.frames, axis=1).astype(np.float32)


def learn(windows: Floats, names: NDArray[np.str_], groups: NDArray[Any], seed: int = 0, **changes: Any) -> Learnt:
    """Fine-tune the embedded model; about an eighth of the groups choose the epoch."""
    classes = sorted(set(names.tolist()))
    unique = np.random.default_rng(seed).permutation(np.unique(groups))
    chosen = unique[: max(len(unique) // 8, 2)]
    split = np.where(np.isin(groups, chosen), "validation", "train")
    features = FeaturePipeline(COCO_17, SPEC).fit(windows[split == "train"])
    target = np.searchsorted(classes, names)
    params = TRAINING.model_copy(update={"seed": seed, "patience": 1000, **changes})
    with tempfile.TemporaryDirectory() as scratch:
        index = WindowIndex(target.astype(np.int64), np.arange(len(target)), split)
        result = fit(params, windows, index, features, classes, Path(scratch) / "fit", pretrained=EMBEDDED)
    with torch.no_grad():
        logits = result.network(torch.from_numpy(features.transform(windows[split == "validation"]))).numpy()
    temperature = max(fit_temperature(logits, target[split == "validation"]), LEAST_TEMPERATURE)
    return Learnt(result, features, classes, temperature)


# ---------------------------------------------------------------------------------------------------------- clips


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One sequence of poses.npz: xy (T, 17, 2) pixels of COCO's keypoints."""

    name: str
    subject: int
    xy: Floats

    @property
    def time_s(self) -> NDArray[np.float64]:
        """(T,) seconds."""
        return np.arange(len(self.xy)) / FPS

    def frames(self) -> Iterator[TrackedFrame]:
        """As a tracker gives them."""
        for t, pose in enumerate(self.xy):
            seen = np.isfinite(pose[:, 0]).astype(np.float32)
            yield TrackedFrame(t, t / FPS, {0: TrackedPose(pose, seen)})


def read_clips(path: Path) -> list[Clip]:
    """The sequences, every frame in order."""
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    keypoints = content["kp"].astype(np.float32)[:, conversion_index(BLAZEPOSE_33, COCO_17), :2] * np.array(SIZE_PX)
    clips = []
    for number in np.unique(content["sequence"]):
        rows = np.flatnonzero(content["sequence"] == number)
        rows = rows[np.argsort(content["frame"][rows], kind="stable")]
        name, subject = str(content["cls"][rows[0]]), int(content["subject"][rows[0]])
        clips.append(Clip(name, subject, keypoints[rows].astype(np.float32)))
    return clips


def clip_examples(clip: Clip, step: int = 5) -> tuple[Floats, list[str]]:
    """Poses of a clip with their names: its longest hold, and where the body is still in what is unlike it.

    Poses in movement are left out: the way into one asana leads through others, which nobody has named.
    """
    start, end = longest_hold(clip.time_s, clip.xy)
    normal = _normalised(clip.xy)
    unlike = speed(clip.time_s, clip.xy) <= STILL
    unlike &= np.linalg.norm(normal - np.median(normal[start:end], 0), axis=-1).mean(-1) > UNLIKE
    hold, others = np.arange(start, end)[::step], np.flatnonzero(unlike)[::step]
    return clip.xy[np.r_[hold, others]], [clip.name] * len(hold) + [OTHER] * len(others)


def rendered_examples(names: Sequence[str]) -> tuple[Floats, list[str]]:
    """Rendered people in these poses and in none, as many as a person's clips give."""
    wanted = {name: NAMES.get(name, name) for name in names} | {OTHER: OTHER}
    known = {name: asana for name, asana in wanted.items() if asana in (*STILL_ASANAS, OTHER)}
    poses = [still_keypoints(a, np.random.default_rng([1, i])) for a in known.values() for i in range(RENDERED)]
    return np.array(poses, np.float32), [name for name in known for _ in range(RENDERED)]


def _normalised(xy: Floats) -> Floats:
    centre, size = xy.mean(1, keepdims=True), np.ptp(xy, axis=1).max(-1)
    return np.asarray((xy - centre) / size[:, None, None], np.float32)


def stream(app: YogaIdentifier, clip: Clip) -> tuple[list[str | None], str | None]:
    """What is recognised at every frame, and the pose of the longest hold."""
    app.start(StreamFacts(COCO_17, *SIZE_PX))
    seen = []
    for frame in clip.frames():
        app.update(frame)
        seen.append(app.recognised(0).name)
    app.finish()
    longest = app.summary()["longest_pose"]
    return seen, None if longest is None else str(longest)


def clip_figures(clips: Sequence[Clip]) -> dict[str, float]:
    """Leave-one-person-out, and the embedded model on everybody."""
    rows: list[tuple[Clip, list[str | None], str | None]] = []
    with tempfile.TemporaryDirectory() as folder:
        for person in sorted({clip.subject for clip in clips}):
            others = [clip for clip in clips if clip.subject != person]
            examples = [*(clip_examples(clip) for clip in others), rendered_examples(sorted({c.name for c in others}))]
            poses = np.concatenate([p for p, _ in examples])
            names = np.array([n for _, each in examples for n in each])
            groups = np.repeat(np.arange(len(examples)), [len(n) for _, n in examples])
            learnt = learn(held(poses), names, groups, batch=64, epochs=10)
            app = YogaIdentifier(model=learnt.package(Path(folder) / str(person)), min_hold_s=0.6)
            rows += [(clip, *stream(app, clip)) for clip in clips if clip.subject == person]
    figures = _clip_rows("clips", rows)
    known = {NAMES.get(clip.name, clip.name) for clip in clips}
    background = tuple(sorted((set(load_pose_model(None).classes) - known) | {OTHER}))
    app = YogaIdentifier(min_hold_s=0.6, background=background)
    named = [Clip(NAMES.get(c.name, c.name), c.subject, c.xy) for c in clips]
    return figures | _clip_rows("rendered_clips", [(clip, *stream(app, clip)) for clip in named])


def _clip_rows(name: str, rows: list[tuple[Clip, list[str | None], str | None]]) -> dict[str, float]:
    right = [longest == clip.name for clip, _, longest in rows]
    frames = [np.array([said == clip.name for said in seen]) for clip, seen, _ in rows]
    answered = [np.array([said is not None for said in seen]) for _, seen, _ in rows]
    length = np.array([len(clip.xy) for clip, _, _ in rows])
    figures = _rate(f"{name}_accuracy", right)
    figures |= _by_clip(f"{name}_frames_with_context", np.array(right) * length, length)
    figures |= _by_clip(f"{name}_frames_causal", np.array([f.sum() for f in frames]), length)
    hits = np.array([(f & a).sum() for f, a in zip(frames, answered, strict=True)])
    figures |= _by_clip(f"{name}_frames_answered", hits, np.array([a.sum() for a in answered]))
    late = [slice(len(f) * 3 // 4, None) for f in frames]
    hits = np.array([f[s].sum() for f, s in zip(frames, late, strict=True)])
    figures |= _by_clip(
        f"{name}_frames_last_quarter", hits, np.array([len(f[s]) for f, s in zip(frames, late, strict=True)])
    )
    figures[f"{name}_frames_answered_share"] = float(sum(a.sum() for a in answered) / length.sum())
    return figures | {f"{name}_count": float(len(rows))}


# --------------------------------------------------------------------------------------------------------- photos


def pose_photos(folder: Path, backend: str) -> tuple[Floats, NDArray[np.str_], NDArray[np.str_]]:
    """Windows (N, T, K, 3) of the main subject of every photo (NaN: nobody), pose names, groups of near copies."""
    with (folder / "photos.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    estimator = PoseEstimator(backend, threads=1)
    features = FeaturePipeline(COCO_17, SPEC)
    windows = np.full((len(rows), *features.shape), np.nan, np.float32)
    windows[..., 2] = 0
    for number, row in enumerate(rows):
        cut = clip_windows(features, estimator.track(folder / "photos" / row["file"]), 0.0, float("nan"))
        if cut is not None and len(cut.windows):
            windows[number] = cut.windows[0]
    return windows, np.array([row["pose"] for row in rows]), np.array([row["near_copies"] for row in rows])


def photo_figures(windows: Floats, names: NDArray[np.str_], groups: NDArray[np.str_]) -> dict[str, float]:
    """Grouped 5-fold, ten a pose, unknown poses, and the embedded model."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold

    found = np.asarray(np.isfinite(windows[:, 0, :, 0]).any(-1), bool)
    right = np.zeros(len(names), bool)
    folds = list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(windows, names, groups))
    for train, test in folds:
        train = train[found[train]]
        right[test] = _says(learn(windows[train], names[train], groups[train]), windows[test], names[test])
    right &= found
    figures = _rate("photos_accuracy", right) | {"photos_nobody_found": float((~found).sum())}
    for name in sorted(set(names.tolist())):
        figures[f"photos_recall_{name}"] = float(right[names == name].mean())
    few = [_ten_a_pose(windows, names, groups, found, seed) for seed in range(5)]
    figures |= {"photos_ten_a_pose": float(np.mean(few)), "photos_ten_a_pose_worst": float(min(few))}
    train, test = folds[0]
    for left_out in sorted(set(names.tolist())):
        known = train[(names[train] != left_out) & found[train]]
        top = learn(windows[known], names[known], groups[known], epochs=15).probabilities(windows[test]).max(1)
        figures[f"photos_unknown_auroc_{left_out}"] = float(roc_auc_score(names[test] != left_out, top))
    values = [v for k, v in figures.items() if k.startswith("photos_unknown_auroc_")]
    return figures | {"photos_unknown_auroc": float(np.mean(values))} | _rendered_photos(windows, names, found)


def _says(learnt: Learnt, windows: Floats, names: NDArray[np.str_]) -> NDArray[np.bool_]:
    return np.asarray(np.array(learnt.classes)[learnt.probabilities(windows).argmax(1)] == names)


def _ten_a_pose(
    windows: Floats, names: NDArray[np.str_], groups: NDArray[np.str_], found: NDArray[np.bool_], seed: int
) -> float:
    random = np.random.default_rng(seed)
    train = np.concatenate([random.choice(np.flatnonzero((names == n) & found), 10, False) for n in np.unique(names)])
    test = np.flatnonzero(~np.isin(groups, groups[train]))
    learnt = learn(windows[train], names[train], groups[train], seed, batch=16, epochs=40)
    return float((_says(learnt, windows[test], names[test]) & found[test]).mean())


def _rendered_photos(windows: Floats, names: NDArray[np.str_], found: NDArray[np.bool_]) -> dict[str, float]:
    model = load_pose_model(None)
    actual = np.array([NAMES.get(name, name) for name in names.tolist()])
    among = [i for i, name in enumerate(model.classes) if name in set(actual.tolist())]
    said = model.probabilities(windows)
    classes = np.array(model.classes)
    figures = _rate("rendered_photos_accuracy", (classes[said.argmax(1)] == actual) & found)
    best = classes[among][said[:, among].argmax(1)]
    return figures | _rate("rendered_photos_among_these_poses", (best == actual) & found)


# -------------------------------------------------------------------------------------------------------- figures


def _rate(name: str, right: Sequence[bool] | NDArray[np.bool_]) -> dict[str, float]:
    hits, count = int(np.sum(right)), len(right)
    low, high = wilson_interval(hits, count)
    return {name: hits / max(count, 1), f"{name}_low": low, f"{name}_high": high}


def _by_clip(name: str, hits: NDArray[Any], counts: NDArray[Any]) -> dict[str, float]:
    """A rate over frames; its interval by bootstrap over clips."""
    random = np.random.default_rng(0)
    picks = random.integers(0, len(hits), (2000, len(hits)))
    rates = hits[picks].sum(1) / np.maximum(counts[picks].sum(1), 1)
    low, high = np.quantile(rates, (0.025, 0.975))
    return {name: float(hits.sum() / max(counts.sum(), 1)), f"{name}_low": float(low), f"{name}_high": float(high)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).parents[1] / ".." / "shared" / "apps" / "yoga"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    parser.add_argument("--only", choices=("clips", "photos"))
    parser.add_argument("--backend", default="movenet", help="pose backend of the photos")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    figures: dict[str, float] = {}
    if given.only != "photos" and (given.folder / "poses.npz").is_file():
        figures |= clip_figures(read_clips(given.folder / "poses.npz"))
    if given.only != "clips" and (given.folder / "photos.csv").is_file():
        figures |= photo_figures(*pose_photos(given.folder, given.backend))
    for name, value in figures.items():
        print(f"{name:48} {value:8.4f}")
    if given.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
