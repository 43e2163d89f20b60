"""Learning from few clips: Penn Action with 1, 5, 10 or 20 clips an activity, from nothing and from the packaged model.

    OMP_NUM_THREADS=1 python benchmarks/few_clips.py labels.tar.gz --clips 5 --seeds 3

Clips are drawn from the official train part, accuracy is of whole clips of the official test part; a clip without a
window counts as wrong. Every training takes the same number of steps and its end is judged: nothing is chosen by the
test part.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from posemill.features.augment import Augmentation
from posemill.features.pipeline import FeaturePipeline
from posemill.features.verdict import grouped_probabilities
from posemill.ingest.datasets.penn_action import parse, read_files
from posemill.models.imprint import imprint
from posemill.models.pretrained import load_pretrained
from posemill.models.registry import NetworkCard, build
from posemill.models.registry import load as load_network
from posemill.params.train import AugmentParams
from posemill.pose.definition import fingerprint
from posemill.pose.skeleton import BODY_12
from posemill.pose.window import WindowSpec
from posemill.prediction.packaged import PACKAGED

STEPS, BATCH, RATE = 400, 64, 2e-3
SPEC = WindowSpec(duration_s=2.0, stride_s=0.25, rate_hz=24.0, smooth_s=0.1)
Windows = NDArray[np.float32]


def read(labels: Path) -> dict[str, tuple[list[Windows], list[str]]]:
    """Windows and activity of every clip, by official split."""
    features = FeaturePipeline(BODY_12, SPEC)
    parts: dict[str, tuple[list[Windows], list[str]]] = defaultdict(lambda: ([], []))
    for name, content in read_files(labels):
        sequence = parse(name, content)
        tracks = sequence.tracks.tracks
        windows = features.windows(tracks[0])[0] if tracks else np.zeros((0, *features.shape), np.float32)
        parts[str(sequence.split)][0].append(windows)
        parts[str(sequence.split)][1].append(str(sequence.activity))
    return dict(parts)


def drawn(windows: list[Windows], names: list[str], clips: int, rng: np.random.Generator) -> tuple[Windows, list[str]]:
    """Windows and activities of `clips` random clips an activity."""
    chosen: list[Windows] = []
    said: list[str] = []
    for activity in sorted(set(names)):
        known = [n for n, name in enumerate(names) if name == activity and len(windows[n])]
        for number in rng.permutation(known)[:clips].tolist():
            chosen.append(windows[number])
            said += [activity] * len(windows[number])
    return np.concatenate(chosen), said


def trained(
    x: Windows, y: torch.Tensor, classes: tuple[str, ...], packaged: bool, seed: int
) -> tuple[Any, FeaturePipeline]:
    """A network after STEPS steps, from the packaged model's body or from nothing, with its feature pipeline."""
    torch.manual_seed(seed)
    card = load_network(PACKAGED)[1]
    hyper = card.hyper if packaged else {"width": 96}
    features = FeaturePipeline(BODY_12, SPEC)
    features = FeaturePipeline.load(PACKAGED / "features.json") if packaged else features.fit(x)
    network = build("tcn", BODY_12, len(classes), **hyper)
    if packaged:
        wanted = NetworkCard("tcn", hyper, BODY_12.name, classes, features.window.frames, fingerprint(BODY_12))
        load_pretrained(network, PACKAGED, wanted, "body")
    augment, g = Augmentation(features, AugmentParams(), None), torch.Generator().manual_seed(seed)
    data = torch.from_numpy(features.transform(x))
    if packaged:
        imprint(network, data, y, len(classes))  # as training does that takes the body of pretrained weights
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    network.train()
    for _ in range(STEPS):
        rows = torch.randint(len(data), (BATCH,), generator=g)
        logits = network(augment(data[rows], g))
        loss = functional.cross_entropy(logits, y[rows], label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network.eval(), features


def accuracy(
    network: Any, features: FeaturePipeline, windows: list[Windows], names: list[str], classes: list[str]
) -> float:
    """Share of clips whose verdict is right."""
    x = features.transform(np.concatenate([w for w in windows if len(w)]))
    clip = np.concatenate([np.full(len(w), n) for n, w in enumerate(windows) if len(w)])
    with torch.no_grad():
        p = torch.cat([network(part).softmax(1) for part in torch.from_numpy(x).split(1024)]).numpy()
    numbers, of_clip = grouped_probabilities(p, clip)
    right = sum(classes[best] == names[n] for n, best in zip(numbers.tolist(), of_clip.argmax(1).tolist(), strict=True))
    return float(right / len(names))


def main() -> None:
    """Print the accuracy of both ways for every number of clips and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--clips", type=int, nargs="+", default=[1, 5, 10, 20])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    parts = read(arguments.labels)
    classes = sorted(set(parts["train"][1]))
    for clips in arguments.clips:
        found: dict[bool, list[float]] = {False: [], True: []}
        for seed in range(arguments.seeds):
            x, said = drawn(*parts["train"], clips, np.random.default_rng([seed, clips]))
            y = torch.tensor([classes.index(name) for name in said])
            for packaged in found:
                network, features = trained(x, y, tuple(classes), packaged, seed)
                found[packaged].append(accuracy(network, features, *parts["test"], classes))
        for packaged, values in found.items():
            way = "from the packaged model" if packaged else "from nothing"
            print(f"{clips} clips, {way}: {np.mean(values):.1%} ({', '.join(f'{v:.1%}' for v in values)})", flush=True)


if __name__ == "__main__":
    main()
