"""Train the fall alarm's embedded activity model on rendered keypoints, and write its package.

    OMP_NUM_THREADS=1 python tools/train_fall_model.py build/fall-model             (10 minutes of one core)
    cp build/fall-model/package/* src/posemill/applications/fall/model/

Everything comes from seeds: falls, everyday actions and exercise of posemill.synth, seen by random cameras at 5 to 30
frames a second through the keypoint error model of posemill.synth.estimated. No real footage is used. Windows are kept
in windows.npz of the folder, so that training can be run again alone. Homes, bodies and cameras of the validation and
test parts are other ones than those of the train part; calibration is fitted on validation, the table printed is of
test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from posemill.evaluation.calibration import fit_temperature
from posemill.features.pipeline import FeaturePipeline
from posemill.models.registry import build
from posemill.packaging.assemble import write_json
from posemill.packaging.digests import of_files
from posemill.packaging.export import to_onnx
from posemill.packaging.parity import require_parity
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.track import PoseTrack, State
from posemill.pose.window import WindowSpec
from posemill.synth.activities import ACTIVITIES, move
from posemill.synth.body import Body, rig
from posemill.synth.camera import watching
from posemill.synth.estimated import Labeller, estimate
from posemill.synth.everyday import ACTIONS, CLASSES, FALLING, FLOOR, UPRIGHT
from posemill.synth.falls import WAYS
from posemill.synth.home import PICTURES
from posemill.synth.life import Scene, action_scene, everyday_life, fall_scene
from posemill.synth.motion import Style

SPEC = WindowSpec(duration_s=2.0, stride_s=0.4, rate_hz=12.0, min_seen=0.4)
HYPER: dict[str, Any] = {"width": 56, "kernel": 5, "dilations": [1, 2, 4], "dropout": 0.15}
FPS = (5.0, 7.5, 10.0, 12.0, 15.0, 15.0, 20.0, 25.0, 30.0)
PARTS = ("train", "val", "test")
SHARES = {"train": 1.0, "val": 0.12, "test": 0.15}
FALL_SCENES, ACTION_SCENES, EXERCISE_SCENES = 75, 35, 5  # of every kind, in the train part
HOMES, HOME_H = 20, 0.5  # everyday life, hours of each
ACTION_KINDS = (*ACTIONS, "walk", "chair", "sofa", "sofa_lie", "bed_lie")
EXERCISE = {
    **dict.fromkeys(
        ("squat", "lunge", "jumping_jack", "wave", "arm_raise", "high_knees", "jump_rope", "bowl"), UPRIGHT
    ),
    **dict.fromkeys(("push_up", "plank", "sit_up"), FLOOR),
    **{
        name: FLOOR if any(low in name for low in ("dog", "cobra", "plank", "child", "bridge", "seat")) else UPRIGHT
        for name in ACTIVITIES
        if name.startswith("asana_")
    },
}
Track = tuple[PoseTrack, list[str], float, float]  # with labels, start and impact of its fall (or NaN)


def tracks_of(scene: Scene) -> Iterator[Track]:
    """The people of a scene that are seen for longer than a window."""
    rows: dict[int, list[tuple[int, Any, str]]] = {}
    for frame in scene:
        for number, pose in frame.people.items():
            if scene.labels[number] != "pet":
                rows.setdefault(number, []).append((frame.frame, pose, scene.labels[number]))
    for number, seen in rows.items():
        labels = [label for _, _, label in seen]
        fall = scene.falls[-1] if scene.falls and FALLING in labels else None
        start, impact = (fall.start_s, fall.impact_s) if fall else (np.nan, np.nan)
        frames = np.array([at for at, _, _ in seen], np.int32)
        xy, confidence = np.stack([p.xy for _, p, _ in seen]), np.stack([p.confidence for _, p, _ in seen])
        yield _track(number, frames, frames / scene.fps, xy, confidence), labels, start, impact


def _track(
    number: int, frame: NDArray[np.int32], time_s: NDArray[np.float64], xy: NDArray[Any], confidence: NDArray[Any]
) -> PoseTrack:
    state = np.full(len(frame), State.PREDICTED, np.uint8)
    return PoseTrack(COCO_17, number, frame, np.asarray(time_s, np.float64), xy, confidence, state)


def exercise(name: str, seed: int, fps: float) -> Track:
    """One take of an exercise or asana, seen by a watching camera."""
    rng = np.random.default_rng([seed, 55])
    time_s = np.arange(round(7 * fps)) / fps
    posed = rig(Body.random(rng), move(name, time_s, Style.random(rng), rng))
    size = PICTURES[rng.integers(len(PICTURES))]
    points = np.concatenate(list(posed.points.values()))
    _, camera = watching(points, size, rng)
    xy, confidence = estimate(camera.project(posed.keypoints())[0], size, fps, Labeller.random(rng), rng)
    kept = np.isfinite(xy[..., 0]).any(1)
    frames = np.flatnonzero(kept).astype(np.int32)
    return _track(0, frames, time_s[kept], xy[kept], confidence[kept]), [EXERCISE[name]] * len(frames), np.nan, np.nan


def windows_of(track: Track, features: FeaturePipeline, rng: np.random.Generator) -> Iterator[tuple[Any, int]]:
    """Windows with their class: every 0.2 s about a fall, else every 0.6 s (2.2 s of long tracks); no unclear ones."""
    poses, labels, start, impact = track
    if len(poses) < 4:
        return
    unsure = poses.confidence < rng.uniform(0, 0.3)
    xy, confidence = np.where(unsure[..., None], np.nan, poses.xy), np.where(unsure, 0, poses.confidence)
    poses = replace(poses, xy=xy.astype(np.float32), confidence=confidence.astype(np.float32))
    first, last = float(poses.time_s[0]) + 1.0, float(poses.time_s[-1])
    step = 0.6 if last - first < 30 else 2.2
    ends = np.arange(first + rng.uniform(0, 0.5), last, step)
    if np.isfinite(impact):
        ends = np.concatenate([ends, np.arange(start, min(impact + 3, last), 0.2)])
    known = {end: label_at(end, poses.time_s, labels, start, impact) for end in ends.tolist()}
    wanted = np.array([[end - SPEC.duration_s, end] for end, number in known.items() if number is not None])
    windows, spans = features.windows_at(poses, wanted.reshape(-1, 2))
    for window, end in zip(windows, spans[:, 1].tolist(), strict=True):
        yield window, known[end]  # type: ignore[misc]


def label_at(end: float, time_s: NDArray[np.float64], labels: list[str], start: float, impact: float) -> int | None:
    """The class of a window that ends at a time; None where it is between two."""
    if np.isfinite(impact):
        length = impact - start
        if start + 0.7 * length <= end <= impact + 1.2:
            return CLASSES.index(FALLING)
        if start + 0.15 * length < end < impact + 1.5:
            return None
    inside = (time_s > end - 1.0) & (time_s <= end)
    own = [labels[i] for i in np.flatnonzero(inside)]
    if not own:
        return None
    names, counts = np.unique(own, return_counts=True)
    best = names[counts.argmax()]
    return CLASSES.index(best) if counts.max() >= 0.7 * len(own) and best != FALLING else None


def scenes(part: str) -> Iterator[Track]:
    """Every track of a part."""
    base, share = (1 + PARTS.index(part)) * 1_000_000, SHARES[part]
    rng = np.random.default_rng(base)
    for index in range(round(FALL_SCENES * share)):
        for number, kind in enumerate(WAYS):
            seed = base + 100 * index + number
            yield from tracks_of(fall_scene(seed, kind, rng.uniform() < 0.3, float(rng.choice(FPS)), short=True))
    for index in range(round(ACTION_SCENES * share)):
        for number, kind in enumerate(ACTION_KINDS):
            yield from tracks_of(action_scene(base + 500_000 + 100 * index + number, kind, float(rng.choice(FPS))))
    for index in range(round(HOMES * share)):
        yield from tracks_of(everyday_life(HOME_H, base + 900_000 + index, float(rng.choice(FPS[:6]))))
    for index in range(round(EXERCISE_SCENES * share)):
        for number, name in enumerate(EXERCISE):
            yield exercise(name, base + 800_000 + 100 * index + number, float(rng.choice(FPS)))


def gather(folder: Path) -> dict[str, NDArray[Any]]:
    """Windows and classes of every part, made once."""
    path = folder / "windows.npz"
    if path.exists():
        return dict(np.load(path))
    features, out = FeaturePipeline(BODY_12, SPEC), {}
    for part in PARTS:
        rng = np.random.default_rng(7)
        found = [pair for track in scenes(part) for pair in windows_of(track, features, rng)]
        out[f"{part}_x"] = np.stack([x for x, _ in found])
        out[f"{part}_y"] = np.array([y for _, y in found])
        counts = np.bincount(out[f"{part}_y"], minlength=len(CLASSES))
        print(part, len(found), dict(zip(CLASSES, counts.tolist(), strict=True)), flush=True)
    np.savez(path, **out)
    return out


def augmented(x: Tensor, g: torch.Generator) -> Tensor:
    """Mirrored, turned a little, stretched, and shaken windows (B, T, K, 3)."""
    flip = torch.from_numpy(BODY_12.flip_index)
    mirror = torch.rand(len(x), generator=g) < 0.5
    x = torch.where(mirror[:, None, None, None], x[:, :, flip] * torch.tensor([-1.0, 1.0, 1.0]), x)
    angle = torch.randn(len(x), generator=g) * 0.08
    c, s = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    wide = 1 + 0.08 * torch.randn(len(x), 1, 1, generator=g)
    u, v = x[..., 0] * wide, x[..., 1]
    out = torch.stack([c * u - s * v, s * u + c * v, x[..., 2]], -1)
    return out + torch.randn(out.shape, generator=g) * torch.rand(len(x), 1, 1, 1, generator=g) * 0.03


def fit(data: dict[str, NDArray[Any]], features: FeaturePipeline, epochs: int, seed: int = 0) -> nn.Module:
    """Train with class weights; the epoch of least validation loss is kept."""
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    network = build("tcn", BODY_12, len(CLASSES), **HYPER)
    x, y = torch.from_numpy(features.transform(data["train_x"])), torch.from_numpy(data["train_y"])
    vx, vy = torch.from_numpy(features.transform(data["val_x"])), torch.from_numpy(data["val_y"])
    weight = 1 / torch.bincount(y, minlength=len(CLASSES)).float().clamp(min=1) ** 0.5
    weight = weight / weight.mean()
    steps = epochs * (len(x) // 256)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    best, kept = np.inf, None
    for epoch in range(epochs):
        network.train()
        for rows in torch.randperm(len(x), generator=g)[: len(x) // 256 * 256].split(256):
            loss = functional.cross_entropy(network(augmented(x[rows], g)), y[rows], weight, label_smoothing=0.03)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        logits = predict(network, vx)
        val = float(functional.cross_entropy(logits, vy, weight))
        print(
            f"epoch {epoch + 1}: val loss {val:.4f}, accuracy {(logits.argmax(1) == vy).float().mean():.4f}", flush=True
        )
        if val < best:
            best, kept = val, {k: v.clone() for k, v in network.state_dict().items()}
    assert kept is not None
    network.load_state_dict(kept)
    return network.eval()


def predict(network: nn.Module, x: Tensor) -> Tensor:
    """Logits (N, C)."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in x.split(2048)])


def report(y: NDArray[np.int64], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Figures on the test part, printed as a table."""
    said = probabilities.argmax(1)
    figures = {"windows": float(len(y)), "accuracy": float((said == y).mean())}
    for number, name in enumerate(CLASSES):
        right = ((said == number) & (y == number)).sum()
        recall, precision = right / max((y == number).sum(), 1), right / max((said == number).sum(), 1)
        figures |= {f"recall_{name}": float(recall), f"precision_{name}": float(precision)}
        print(f"{name:16} recall {recall:.3f}  precision {precision:.3f}  of {(y == number).sum()}")
    confusion = np.zeros((len(CLASSES),) * 2, int)
    np.add.at(confusion, (y, said), 1)
    print("rows: actual\n", confusion)
    return figures


def main() -> None:
    """Gather, train, calibrate, test, write the package."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=7)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    data = gather(folder)
    features = FeaturePipeline(BODY_12, SPEC).fit(data["train_x"])
    network = fit(data, features, arguments.epochs)
    val, test = (torch.from_numpy(features.transform(data[f"{part}_x"])) for part in ("val", "test"))
    temperature = fit_temperature(predict(network, val).numpy(), data["val_y"])
    probabilities = torch.softmax(predict(network, test) / temperature, 1).numpy()
    figures = report(data["test_y"], probabilities)
    package = folder / "package"
    package.mkdir(exist_ok=True)
    model = to_onnx(network, SPEC.frames, BODY_12, package / "activity.onnx")
    require_parity(model, network, features.transform(data["test_x"][:256]))
    features.save(package / "features.json")
    write_json(package / "classes.json", list(CLASSES))
    write_json(package / "calibration.json", {"temperature": float(temperature)})
    names = {"model": "activity.onnx", "features": "features.json", "classes": "classes.json"}
    digests = of_files({k: package / n for k, n in (names | {"calibration": "calibration.json"}).items()})
    write_json(package / "digests.json", {**digests, "trained_by": "tools/train_fall_model.py"})
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
