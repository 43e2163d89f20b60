"""Train the fall alarm's evidence: a small network over the features of descents, from rendered falls and homes.

    OMP_NUM_THREADS=1 python tools/train_fall_evidence.py build/fall-evidence        (an hour on one core)

Descents of falls are told from descents of everyday life (bending, sitting, lying down, exercise, pets), with loose
thresholds so that every descent is looked at. No real footage is used. Looks are kept in looks.npz of the folder, so
that fitting can be run again alone; the table printed is of scenes that were held out, the weights written are fitted
on all of them. Benchmarks report other seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.fall.evidence import FARTHEST, WEIGHTS
from posemill.applications.fall.features import FEATURES
from posemill.applications.fall.person import Episode
from posemill.synth.everyday import FALLING, FLOOR, STILL
from posemill.synth.falls import WAYS
from posemill.synth.life import Scene, everyday_life, fall_scene

LOOSE = {"min_drop_body_lengths": 0.25, "min_speed_body_lengths_per_s": 0.3, "alarm_after_s": 60.0}
LEAD_S, AFTER_S = 25.0, 8.0  # of a fall's scene before and after its impact
HOME_H = 3.0
HIDDEN, NETWORKS, EPOCHS, NOISE = (16, 8), 3, 25, 0.15
ANKLES_MISSING = 0.15  # share of looks whose ankles are hidden in training
EVERYDAY = "everyday"


class Nothing:
    """Evidence that never makes an alarm, so that every descent is followed to its end."""

    def logit(self, features: NDArray[np.float32]) -> float:
        """Surely no fall."""
        return -5.0


class Looks(NamedTuple):
    """Looks at descents. features (N, F); fall (N,) bool; episode and scene (N,) numbers; kind (N,) names."""

    features: NDArray[np.float32]
    fall: NDArray[np.bool_]
    episode: NDArray[np.int64]
    scene: NDArray[np.int64]
    kind: NDArray[np.str_]
    since_s: NDArray[np.float64]


def looks_of(scene: Scene) -> Iterator[tuple[NDArray[np.float32], bool, tuple[int, float], str, float]]:
    """Features, fall or not, episode, kind and time since the descent of every look in a scene."""
    size = np.array([scene.facts.width_px, scene.facts.height_px])
    beds = [np.clip(zone.polygon / size, 0, 1).tolist() for zone in scene.zones if zone.kind in ("bed", "sofa")]
    alarm = FallAlarm(model=None, lying_still_s=None, bed_zones=beds, **LOOSE)
    alarm.evidence = Nothing()
    alarm.start(scene.facts)
    truth = scene.falls[0] if scene.falls else None
    for frame in scene:
        if truth and not truth.start_s - LEAD_S <= frame.time_s <= truth.impact_s + AFTER_S:
            continue
        alarm.update(frame)
        for body in alarm.bodies:
            episode = body.monitor.episode
            if episode is None or episode.looked_s != frame.time_s or episode.features is None:
                continue
            fall = _is_fall(episode, frame.time_s, truth, scene.labels.get(body.person, ""))
            if fall is not None:
                kind = truth.kind if truth and fall else EVERYDAY
                number = (body.number, round(episode.recognised_s, 3))
                yield episode.features, fall, number, kind, frame.time_s - episode.recognised_s


def _is_fall(episode: Episode, time_s: float, truth: Any, label: str) -> bool | None:
    """True for the fallen person from the impact on, False before any fall and for others; None where unclear."""
    if truth is None or time_s < truth.start_s - 0.5:
        return False
    fallen = label in (FALLING, STILL, FLOOR) and episode.recognised_s >= truth.start_s - 0.3
    rising = truth.rise_s is not None and time_s > truth.rise_s - 0.3
    return True if fallen and not rising and time_s >= truth.impact_s - 0.4 else None


def gather(folder: Path, falls: int, homes: int, seed: int) -> Looks:
    """Look at every descent of so many falls and homes; kept in looks.npz."""
    path = folder / "looks.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        rows: list[tuple[Any, ...]] = []
        episodes: dict[tuple[int, tuple[int, float]], int] = {}
        for number in range(falls + homes):
            scene = fall_scene(seed + number) if number < falls else everyday_life(HOME_H, seed + number)
            for features, fall, episode, kind, since_s in looks_of(scene):
                index = episodes.setdefault((number, episode), len(episodes))
                rows.append((features, fall, index, number, kind, since_s))
            if number % 20 == 0:
                print(f"scene {number}: {len(rows)} looks", flush=True)
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        np.savez_compressed(path, **dict(zip(Looks._fields, columns, strict=True)))
    with np.load(path) as stored:
        return Looks(**{name: stored[name] for name in Looks._fields})


class Fitted(NamedTuple):
    """Networks with the standardisation of their features."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    networks: list[nn.Sequential]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, F) → (N,) log odds."""
        x = torch.tensor(np.clip((features - self.mean) / self.spread, -FARTHEST, FARTHEST), dtype=torch.float32)
        with torch.no_grad():
            return np.mean([network(x)[:, 0].double().numpy() for network in self.networks], axis=0)


def fit(looks: Looks, seed: int) -> Fitted:
    """Fit the ensemble; every episode weighs the same, falls as much as everyday life."""
    mean, spread = looks.features.mean(0, np.float64), looks.features.std(0, dtype=np.float64) + 1e-3
    x = torch.tensor(np.clip((looks.features - mean) / spread, -FARTHEST, FARTHEST), dtype=torch.float32)
    y = torch.tensor(looks.fall, dtype=torch.float32)
    weight = 1 / np.bincount(looks.episode)[looks.episode]
    weight[looks.fall] *= 0.5 * weight[~looks.fall].sum() / weight[looks.fall].sum()
    w = torch.tensor(weight / weight.mean(), dtype=torch.float32)
    missing = torch.tensor(np.clip((0 - mean) / spread, -FARTHEST, FARTHEST), dtype=torch.float32)
    ankles = [n for n, name in enumerate(FEATURES) if "ankles" in name or "feet_moved" in name]
    return Fitted(mean, spread, [_network(x, y, w, missing, ankles, seed + n) for n in range(NETWORKS)])


def _network(
    x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, missing: torch.Tensor, ankles: list[int], seed: int
) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in zip((x.shape[1], *HIDDEN), (*HIDDEN, 1), strict=True):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(512):
            batch = x[rows] + NOISE * torch.randn(len(rows), x.shape[1])
            hidden = torch.rand(len(rows)) < ANKLES_MISSING
            for column in ankles:
                batch[hidden, column] = missing[column]
            loss = functional.binary_cross_entropy_with_logits(network(batch)[:, 0], y[rows], reduction="none")
            optimizer.zero_grad()
            (loss * w[rows]).mean().backward()
            optimizer.step()
        schedule.step()
    return network


def table(looks: Looks, falls: int, homes: int, seed: int) -> None:
    """Print what share of held-out falls has evidence above each level, and everyday descents a day above it."""
    out = np.zeros(len(looks.fall))
    for part in (0, 1):
        held = looks.scene % 2 == part
        out[held] = fit(_rows(looks, ~held), seed).logits(looks.features[held])
    days = homes * HOME_H / 24
    for level in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
        found = {kind: _above(looks, out, (looks.kind == kind) & looks.fall, level, 3.0) for kind in WAYS}
        false, _ = _above(looks, out, looks.scene >= falls, level, 9.0)
        total = sum(hits for hits, _ in found.values()) / max(sum(count for _, count in found.values()), 1)
        kinds = " ".join(f"{kind} {hits / max(count, 1):.2f}" for kind, (hits, count) in found.items())
        print(f"log odds {level:.0f}: found {total:.3f}, {false / days:.2f} false a day; {kinds}")


def _above(
    looks: Looks, out: NDArray[np.float64], chosen: NDArray[np.bool_], level: float, until_s: float
) -> tuple[int, int]:
    """Number of episodes whose evidence stays above a level for a second, and of all."""
    hits = count = 0
    for episode in np.unique(looks.episode[chosen]):
        rows = np.flatnonzero(chosen & (looks.episode == episode))
        rows = rows[looks.since_s[rows] <= until_s]
        means = np.convolve(out[rows], np.ones(5) / 5, "valid") if len(rows) >= 5 else np.zeros(0)
        count += 1
        hits += bool((means > level).any())
    return hits, count


def _rows(looks: Looks, which: NDArray[np.bool_]) -> Looks:
    return Looks(
        features=looks.features[which],
        fall=looks.fall[which],
        episode=np.unique(looks.episode[which], return_inverse=True)[1],
        scene=looks.scene[which],
        kind=looks.kind[which],
        since_s=looks.since_s[which],
    )


def write(fitted: Fitted, path: Path) -> None:
    """Write evidence.json."""
    networks = [
        [
            {"weights": layer.weight.T.tolist(), "bias": layer.bias.tolist()}
            for layer in network
            if isinstance(layer, nn.Linear)
        ]
        for network in fitted.networks
    ]
    stored = {
        "features": FEATURES,
        "mean": fitted.mean.tolist(),
        "spread": fitted.spread.tolist(),
        "networks": networks,
    }
    rounded = json.loads(json.dumps(stored), parse_float=lambda text: float(f"{float(text):.5g}"))
    path.write_text(json.dumps(rounded) + "\n", encoding="utf-8")


def main() -> None:
    """Gather, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--falls", type=int, default=600)
    parser.add_argument("--homes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    looks = gather(args.folder, args.falls, args.homes, args.seed)
    table(looks, args.falls, args.homes, seed=0)
    write(fit(looks, seed=0), args.out)


if __name__ == "__main__":
    main()
