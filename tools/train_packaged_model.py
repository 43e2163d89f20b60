"""Train the activity model that comes with posemill, on rendered people only, and write its package.

    OMP_NUM_THREADS=1 python tools/train_packaged_model.py build/packaged-model        (about 40 minutes of one core)
    cp build/packaged-model/package/* src/posemill/prediction/packaged_model/

Everything comes from seeds: the activities of posemill.synth.catalogue are performed by random people, filmed by random
cameras (posemill.synth.filming) and seen through the errors of a pose network (posemill.synth.estimated). No picture is
rendered and no real footage is used. People, cameras and motions of the validation and test parts are other ones than
those of the train part; calibration is fitted on validation, the figures of the card are of test.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from window_augmentation import augmented, mean_pose_of

from posemill.evaluation.calibration import fit_temperature
from posemill.evaluation.open_set import ClassFeatures, OpenSetClips, auroc, fit_score
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import NONE_OF_THESE
from posemill.models.open_set import OpenSetNetwork, OpenSetScore, with_features
from posemill.models.registry import NetworkCard, build, load, save
from posemill.packaging.assemble import write_json
from posemill.packaging.digests import of_files
from posemill.packaging.export import to_onnx
from posemill.packaging.parity import OPEN_SET_TOLERANCE, require_parity
from posemill.params.label import LabelParams
from posemill.pose.definition import fingerprint
from posemill.pose.skeleton import BODY_12
from posemill.pose.window import WindowSpec
from posemill.synth.catalogue import CLASSES
from posemill.synth.keypoint_windows import PARTS, rendered_windows

SPEC = WindowSpec(duration_s=2.0, stride_s=0.25, rate_hz=24.0, smooth_s=0.1)
HYPER: dict[str, Any] = {"width": 128, "kernel": 5, "dilations": [1, 2, 4], "dropout": 0.1, "pool": 2}
BATCH, LEARNING_RATE, SMOOTHING, UNKNOWN = 256, 3e-3, 0.05, 0.5
EVENTS_THAT_NAME_A_CLIP = {"fall": 0.4}
# seldom what a video is of, and alike to parts of other activities; rendered people do all of them as often as the rest
SELDOM: tuple[str, ...] = (
    *("get_up", "stand_up", "sit_down", "lie_down", "carry", "climb_stairs", "push_cart", "type", "hammer"),
    *("work_at_bench", "point", "crouch", "cycle", "side_bend", "throw", "kick", "box"),
)
LOG_PRIOR = -1.0  # of these, against the others
BACKEND = "openpifpaf"
OF_A_CLASS, ACCEPTED = 400, 0.95  # for "none of these": train windows a class, validation films that keep an activity
# measured by benchmarks/packaged_model.py after training
REAL = """On 53 real videos of a development set it names 39 right (9 of 9 falls), turns 5 away and is wrong about
9; of 12 of what it was not taught it turns 5 away; see docs/models.md."""
FIRST = 4000  # windows that the feature pipeline is fitted on

CARD = """# Activity model of posemill

Names {classes} usual activities of one person from keypoints: daily life and falls, gestures, desk and factory work,
gym, yoga, sports. Licence: Apache-2.0. Network: a temporal convolutional network on windows of two seconds of 12
keypoints.

**Training data: rendered people only.** No video, photo or recording of a person was used. Motions are generated
(posemill.synth.catalogue), filmed by random cameras and seen through a model of a pose network's errors, guessed limbs
among them. Trained by `tools/train_packaged_model.py`, from seeds.

**Use.** `posemill try clip.mp4`, `posemill.ActivityModel.packaged()`, `posemill serve` before a model of your own is
packaged. It is a start: a model trained on your own activities, cameras and people is the better one for them.

**Not for** medical or safety decisions, for identifying or judging people, or as the only alarm of a fall (see the fall
alarm for that). What it was not taught it sometimes calls `none of these`, and often still names. Children,
wheelchairs, walking aids and more than one person in one activity are not in its training data.

**Figures** on rendered people, motions and cameras that were held out, {windows} windows: accuracy {accuracy}, mean
recall {mean_recall}. {real}

| activity | recall | precision | taken for |
|---|---|---|---|
"""


def gather(
    folder: Path, films: int, first: int, features: FeaturePipeline
) -> tuple[FeaturePipeline, dict[str, NDArray[Any]]]:
    """Windows as network input (N, T, K, 2) float16, classes and numbers of films of every part, made once."""
    path, data = folder / "windows.npz", {}
    if path.exists():
        return FeaturePipeline.load(folder / "features.json"), dict(np.load(path))
    began = time.monotonic()
    for part, share in PARTS.items():
        x: list[NDArray[np.float16]] = []
        y: list[int] = []
        film: list[int] = []
        waiting: list[NDArray[np.float32]] = []
        for count, (windows, classes) in enumerate(rendered_windows(part, round(films * share), features, first)):
            waiting += list(windows)
            y += classes
            film += [count] * len(classes)
            if not features.fitted and len(waiting) >= FIRST:
                features = features.fit(np.stack(waiting))
            if features.fitted and len(waiting) >= 512:
                x.append(features.transform(np.stack(waiting))[..., :2].astype(np.float16))
                waiting = []
            if count % 2000 == 0:
                print(f"{part}: {count} films, {len(y)} windows, {time.monotonic() - began:.0f} s", flush=True)
        if waiting:
            features = features if features.fitted else features.fit(np.stack(waiting))
            x.append(features.transform(np.stack(waiting))[..., :2].astype(np.float16))
        data[f"{part}_x"], data[f"{part}_y"], data[f"{part}_film"] = np.concatenate(x), np.array(y), np.array(film)
    features.save(folder / "features.json")
    np.savez(path, **data)
    return features, data


def with_z(x: Tensor) -> Tensor:
    """Append the third channel, which is 0 for keypoints in two dimensions."""
    return torch.cat([x, torch.zeros_like(x[..., :1])], -1)


def fit(
    data: dict[str, NDArray[Any]],
    features: FeaturePipeline,
    epochs: int,
    begin: Path | None,
    rate: float,
    seed: int = 0,
) -> nn.Module:
    """Train with class weights and a one-cycle schedule, from weights or from nothing; the last epoch is kept."""
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    network = build("tcn", BODY_12, len(CLASSES), **HYPER) if begin is None else load(begin, CLASSES)[0]
    x, y = torch.from_numpy(data["train_x"]), torch.from_numpy(data["train_y"])
    weight = 1 / torch.bincount(y[y >= 0], minlength=len(CLASSES)).float().clamp(min=1) ** 0.5
    mean_pose = mean_pose_of(features)
    weight, steps = weight / weight.mean(), epochs * (len(x) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.03)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps)
    began = time.monotonic()
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for rows in torch.randperm(len(x), generator=g)[: len(x) // BATCH * BATCH].split(BATCH):
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(with_z(augmented(x[rows].float(), g, mean_pose)))
            loss = loss_of(logits.float(), y[rows], weight)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        vx, vy = known_part(data, "validation")
        right = float((predict(network, vx).argmax(1) == vy).mean())
        print(
            f"epoch {epoch + 1}: loss {total / (len(x) // BATCH):.3f}, validation {right:.4f}, "
            f"{time.monotonic() - began:.0f} s",
            flush=True,
        )
    return network.eval()


def averaged(begin: Path, network: nn.Module, share: float) -> nn.Module:
    """Average weights with those that training went on from; `share` of the trained ones (Wortsman et al., 2022).

    Training on harsher errors forgets some of what was learnt on mild ones; the average has both.
    """
    before, after = load(begin, CLASSES)[0].state_dict(), network.state_dict()
    mean = {k: share * v + (1 - share) * before[k] if v.dtype.is_floating_point else v for k, v in after.items()}
    network.load_state_dict(mean)
    return network


def loss_of(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of the known activities; what is none of them should look like any of them (outlier exposure)."""
    known = y >= 0
    loss = functional.cross_entropy(logits[known], y[known], weight, label_smoothing=SMOOTHING)
    if bool(known.all()):
        return loss
    unknown = -functional.log_softmax(logits[~known], 1).mean(1)
    return loss + UNKNOWN * unknown.sum() / len(y)


def known_part(data: dict[str, NDArray[Any]], part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Windows and classes of a part without those of none of the activities."""
    known = data[f"{part}_y"] >= 0
    return data[f"{part}_x"][known], data[f"{part}_y"][known]


def expect(network: nn.Module) -> None:
    """Put the prior of SELDOM into the biases of the last layer."""
    bias = [p for p in network.get_submodule("head").parameters() if p.ndim == 1][-1]
    with torch.no_grad():
        bias[[CLASSES.index(name) for name in SELDOM]] += LOG_PRIOR


def open_set_of(
    network: nn.Module, data: dict[str, NDArray[Any]], temperature: float
) -> tuple[OpenSetScore, dict[str, Any]]:
    """Fit the open-set score of "none of these" on rendered films, and judge it on films of the test part.

    Known are films of the activities, unknown those of motion that is none of them.
    """
    both = with_features(network)

    def seen(part: str, rows: NDArray[np.int64]) -> ClassFeatures:
        found = predict(both, data[f"{part}_x"][rows])
        return ClassFeatures(found[:, : len(CLASSES)], found[:, len(CLASSES) :], data[f"{part}_film"][rows])

    y = data["train_y"]
    some = np.concatenate([np.flatnonzero(y == c)[:OF_A_CLASS] for c in range(len(CLASSES))])
    known = {part: np.flatnonzero(data[f"{part}_y"] >= 0) for part in ("validation", "test")}
    score = fit_score(seen("train", some), y[some], seen("validation", known["validation"]), temperature, ACCEPTED)
    if score is None:
        raise SystemExit("the validation part has too few films for an open-set score: give more --films")
    network = OpenSetNetwork(network, score, len(CLASSES))
    clips = [
        OpenSetClips.of(predict(network, data["test_x"][rows]), data["test_film"][rows], temperature)
        for rows in (known["test"], np.flatnonzero(data["test_y"] < 0))
    ]
    return score, {
        "known_accepted": round(float(1 - clips[0].rejected.mean()), 4),
        "unknown_films": len(clips[1]),
        "unknown_rejected": round(float(clips[1].rejected.mean()), 4),
        "auroc_unknown": round(auroc(clips[0].margin, clips[1].margin), 4),
    }


def predict(network: nn.Module, x: NDArray[np.float16]) -> NDArray[np.float32]:
    """Logits (N, C)."""
    network.eval()
    with torch.no_grad():
        parts = torch.from_numpy(x).split(2048)
        return np.asarray(torch.cat([network(with_z(part.float())) for part in parts]))


def report(y: NDArray[np.int64], logits: NDArray[np.float32]) -> dict[str, Any]:
    """Figures on the test part: accuracy, recall and what each activity is taken for."""
    said = logits.argmax(1)
    confusion = np.zeros((len(CLASSES),) * 2, int)
    np.add.at(confusion, (y, said), 1)
    recall = confusion.diagonal() / np.maximum(confusion.sum(1), 1)
    precision = confusion.diagonal() / np.maximum(confusion.sum(0), 1)
    rows: dict[str, Any] = {}
    for number, name in enumerate(CLASSES):
        others = np.argsort(-np.where(np.arange(len(CLASSES)) == number, 0, confusion[number]))[:3]
        taken = {
            CLASSES[o]: round(float(confusion[number, o] / max(confusion[number].sum(), 1)), 3) for o in others.tolist()
        }
        rows[name] = {
            "recall": round(float(recall[number]), 3),
            "precision": round(float(precision[number]), 3),
            "taken_for": taken,
        }
        print(f"{name:18} recall {recall[number]:.3f} precision {precision[number]:.3f}  {taken}")
    print(f"accuracy {(said == y).mean():.4f}, mean recall {recall.mean():.4f} of {len(y)} windows")
    accuracy = {"windows": len(y), "accuracy": round(float((said == y).mean()), 4)}
    return {**accuracy, "mean_recall": round(float(recall.mean()), 4), "activities": rows}


def package(network: nn.Module, features: FeaturePipeline, data: dict[str, NDArray[Any]], folder: Path) -> None:
    """Calibrate, judge on the test part and write the files."""
    folder.mkdir(exist_ok=True)
    expect(network)
    (vx, vy), (tx, ty) = known_part(data, "validation"), known_part(data, "test")
    temperature = float(fit_temperature(predict(network, vx), vy))
    score, unknown = open_set_of(network, data, temperature)
    figures = {**report(ty, predict(network, tx)), "none_of_these": unknown}
    complete = OpenSetNetwork(network, score, len(CLASSES))
    model = to_onnx(complete, SPEC.frames, BODY_12, folder / "activity.onnx")
    windows = with_z(torch.from_numpy(data["test_x"][:256]).float()).numpy()
    require_parity(model, complete, windows, OPEN_SET_TOLERANCE)
    layout = fingerprint(BODY_12)
    save(folder, network, NetworkCard("tcn", HYPER, BODY_12.name, CLASSES, SPEC.frames, layout))  # for train.pretrained
    features.save(folder / "features.json")
    write_json(folder / "classes.json", [*CLASSES, NONE_OF_THESE])
    write_json(folder / "calibration.json", {"temperature": temperature, "events": EVENTS_THAT_NAME_A_CLIP})
    write_json(folder / "figures.json", figures)
    write_json(folder / "labeller.json", labeller())
    (folder / "card.md").write_text(card(figures), encoding="utf-8")
    names = {"model": "activity.onnx", "features": "features.json", "classes": "classes.json"}
    digests = of_files({k: folder / n for k, n in (names | {"calibration": "calibration.json"}).items()})
    write_json(folder / "digests.json", {**digests, "trained_by": "tools/train_packaged_model.py"})


def labeller() -> dict[str, Any]:
    """What poses a video for this model; `describes` is null, since it was trained on keypoints."""
    params = LabelParams(backend=BACKEND).model_dump(mode="json")
    return {"backend": BACKEND, "checkpoint": params["checkpoint"], "params": params, "describes": None}


def card(figures: dict[str, Any]) -> str:
    """The model card: what it knows, how right it is on rendered people, and what it is not for."""
    rows = [
        f"| {name} | {row['recall']:.2f} | {row['precision']:.2f} | {taken_for(row['taken_for'])} |"
        for name, row in figures["activities"].items()
    ]
    return CARD.format(classes=len(CLASSES), real=REAL, **figures) + "\n".join(rows) + "\n"


def taken_for(others: dict[str, float]) -> str:
    """The activities that one is mistaken for, from two per cent on."""
    return ", ".join(f"{name} {share:.0%}" for name, share in others.items() if share >= 0.02) or "-"


def main() -> None:
    """Gather, train, calibrate, test, write the package."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", type=int, default=48_000, help="of the train part")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--begin", type=Path, help="package to go on from")
    parser.add_argument("--first", type=int, default=0, help="seed of the first person; others for another round")
    parser.add_argument("--rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--share", type=float, default=1.0, help="of the trained weights in an average with --begin's")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    begin: Path | None = arguments.begin
    features = FeaturePipeline(BODY_12, SPEC) if begin is None else FeaturePipeline.load(begin / "features.json")
    features, data = gather(arguments.folder, arguments.films, arguments.first, features)
    print(json.dumps({name: list(array.shape) for name, array in data.items()}))
    network = fit(data, features, arguments.epochs, begin, arguments.rate)
    if begin is not None:
        network = averaged(begin, network, arguments.share)
    package(network, features, data, arguments.folder / "package")


if __name__ == "__main__":
    main()
