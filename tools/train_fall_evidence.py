"""Train the fall alarm's evidence: a small network over the features of descents, from rendered falls and homes.

    OMP_NUM_THREADS=1 python tools/train_fall_evidence.py build/fall-evidence        (about 40 minutes on one core)

Descents of falls are told from descents of everyday life (bending, sitting, lying down, exercise, pets). No real
footage is used. In three steps, each kept in the folder:

1. falls.npz, homes.npz: every look at every descent, with evidence that never alarms.
2. mined.npz: other homes, watched with evidence fitted to step 1: descents that it takes for falls (hard negatives).
3. The weights are fitted to all of them; the table printed is of scenes that were held out, and the level of evidence
   for an alarm (FallParams.fall_evidence) is read from it.

Seeds of falls, homes and mined homes are apart from each other and from those that benchmarks report.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.fall.evidence import FARTHEST, WEIGHTS, Evidence, TrainedEvidence
from posemill.applications.fall.features import FEATURES
from posemill.applications.fall.identity import Body
from posemill.applications.fall.params import FallParams
from posemill.applications.fall.person import LEAST_WEIGHT, SOFT
from posemill.synth.everyday import FALLING
from posemill.synth.falls import WAYS
from posemill.synth.life import Scene, everyday_life, fall_scene

FALLS_FROM, HOMES_FROM, MINED_FROM = 5_000, 40_000, 50_000  # seeds
FPS = (8.0, 10.0, 10.0, 12.5, 15.0)
NO_ZONES = 0.3  # share of scenes whose beds are not drawn
LEAD_S, AFTER_S = 25.0, 6.0  # of a fall's scene before and after its impact
HOME_H = 2.0
MINED_S = 0.2  # seconds of weighted time on the floor that make a descent of everyday life a hard negative
HIDDEN, NETWORKS, EPOCHS, NOISE = (32, 16), 3, 20, 0.12
ANKLES_MISSING, MODEL_MISSING = 0.15, 0.2  # share of looks without ankles, without an activity model, in training
EVERYDAY = "everyday"
LOOK_S = 0.2
WATCHING: dict[str, Any] = {
    "lying_still_s": None,
    "alarm_after_s": 60.0,
    "evidence_fades_per_s": 1e6,
}  # each look alone


class Nothing:
    """Evidence that never makes an alarm, so that every descent is followed to its end."""

    def logit(self, features: NDArray[np.float32]) -> float:
        """Surely no fall."""
        return -5.0


class Looks(NamedTuple):
    """Looks at descents.

    features (N, F); fall (N,) bool; episode and scene (N,) numbers; kind (N,) names; rested (N,) bool: has come to
    rest; delay_s (N,) seconds since the impact of the fall, NaN in everyday life; zones (N,) bool: beds are drawn;
    weighted_s (N,) seconds on the floor by the evidence that watched.
    """

    features: NDArray[np.float32]
    fall: NDArray[np.bool_]
    episode: NDArray[np.int64]
    scene: NDArray[np.int64]
    kind: NDArray[np.str_]
    rested: NDArray[np.bool_]
    delay_s: NDArray[np.float64]
    zones: NDArray[np.bool_]
    weighted_s: NDArray[np.float64]


def looks_of(scene: Scene, zones: bool, evidence: Evidence) -> Iterator[tuple[Any, ...]]:
    """Rows of Looks of one scene, the episode as (body, time recognised)."""
    size = np.array([scene.facts.width_px, scene.facts.height_px])
    beds = [np.clip(zone.polygon / size, 0, 1).tolist() for zone in scene.zones if zone.kind in ("bed", "sofa")]
    alarm = FallAlarm(bed_zones=beds if zones else (), **WATCHING)
    alarm.evidence = evidence
    alarm.start(scene.facts)
    truth = scene.falls[0] if scene.falls else None
    fallen: set[int] = set()  # bodies seen falling
    for frame in scene:
        if truth and not truth.start_s - LEAD_S <= frame.time_s <= truth.impact_s + AFTER_S:
            continue
        alarm.update(frame)
        for body in alarm.bodies:
            if body.last.time_s == frame.time_s and scene.labels.get(body.person) == FALLING:
                fallen.add(body.number)
            episode = body.monitor.episode
            if episode is None or episode.looked_s != frame.time_s or episode.features is None:
                continue
            fall = _is_fall(body, frame.time_s, truth, fallen)
            if fall is not None:
                delay_s = frame.time_s - truth.impact_s if truth and fall else np.nan
                number, kind = (body.number, round(episode.recognised_s, 3)), truth.kind if truth and fall else EVERYDAY
                rested = episode.impact_s is not None
                yield episode.features, fall, number, kind, rested, delay_s, zones, episode.weighted_s


def _is_fall(body: Body, time_s: float, truth: Any, fallen: set[int]) -> bool | None:
    """True for the fallen person from the impact on, False before any fall; None where unclear."""
    if truth is None or time_s < truth.start_s - 0.5:
        return False
    rising = truth.rise_s is not None and time_s > truth.rise_s - 0.3
    return True if body.number in fallen and not rising and time_s >= truth.impact_s - 0.3 else None


def gather(path: Path, scenes: Sequence[tuple[bool, int]], evidence: Evidence, only_hard: bool = False) -> Looks:
    """Look at every descent of scenes (fall or home, seed); kept in a file."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        rows: list[tuple[Any, ...]] = []
        episodes: dict[tuple[int, tuple[int, float]], int] = {}
        began = time.monotonic()
        for count, (is_fall, seed) in enumerate(scenes):
            rng = np.random.default_rng([seed, 99])
            fps, zones = float(rng.choice(FPS)), bool(rng.uniform() >= NO_ZONES)
            scene = fall_scene(seed, fps=fps) if is_fall else everyday_life(HOME_H, seed, fps)
            for features, fall, episode, *more in looks_of(scene, zones, evidence):
                index = episodes.setdefault((seed, episode), len(episodes))
                rows.append((features, fall, index, seed, *more))
            if count % 20 == 0:
                print(f"{path.name}: {count} scenes, {len(rows)} looks, {time.monotonic() - began:.0f} s", flush=True)
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        np.savez_compressed(path, **dict(zip(Looks._fields, columns, strict=True)))
    with np.load(path) as stored:
        looks = Looks(**{name: stored[name] for name in Looks._fields})
    if not only_hard:
        return looks
    most = np.zeros(looks.episode.max() + 1)
    np.maximum.at(most, looks.episode, looks.weighted_s)
    return _rows(looks, most[looks.episode] >= MINED_S)


def together(parts: Sequence[Looks]) -> Looks:
    """Looks of several gatherings, their episodes kept apart."""
    offsets = np.cumsum([0, *(part.episode.max() + 1 for part in parts)])
    moved = [part._replace(episode=part.episode + offset) for part, offset in zip(parts, offsets, strict=False)]
    return Looks(**{name: np.concatenate([getattr(part, name) for part in moved]) for name in Looks._fields})


class Fitted(NamedTuple):
    """Networks with the standardisation of their features."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    networks: list[nn.Sequential]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, F) → (N,) log odds."""
        x = torch.tensor(np.clip((features - self.mean) / self.spread, -FARTHEST, FARTHEST), dtype=torch.float32)
        with torch.no_grad():
            each = [network(x)[:, 0].double().numpy() for network in self.networks]
        return np.asarray(np.mean(each, axis=0))


def fit(looks: Looks, seed: int, networks: int = NETWORKS) -> Fitted:
    """Fit the ensemble; every episode weighs the same, falls as much as everyday life."""
    mean, spread = looks.features.mean(0, np.float64), looks.features.std(0, dtype=np.float64) + 1e-3
    x = torch.tensor(np.clip((looks.features - mean) / spread, -FARTHEST, FARTHEST), dtype=torch.float32)
    y = torch.tensor(looks.fall, dtype=torch.float32)
    weight = 1 / np.sqrt(np.bincount(looks.episode)[looks.episode])  # a long episode weighs more, not in proportion
    weight[looks.fall] *= weight[~looks.fall].sum() / weight[looks.fall].sum()
    w = torch.tensor(weight / weight.mean(), dtype=torch.float32)
    missing = torch.tensor(np.clip((0 - mean) / spread, -FARTHEST, FARTHEST), dtype=torch.float32)
    return Fitted(mean, spread, [_network(x, y, w, missing, seed + n) for n in range(networks)])


def _network(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, missing: torch.Tensor, seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in zip((x.shape[1], *HIDDEN), (*HIDDEN, 1), strict=True):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    network = nn.Sequential(*layers[:-1])
    batches = len(x) // 512 + 1
    optimizer = torch.optim.AdamW(network.parameters(), 4e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * batches)
    hideable = [
        ([n for n, name in enumerate(FEATURES) if "ankles" in name], ANKLES_MISSING),
        ([n for n, name in enumerate(FEATURES) if "activity" in name], MODEL_MISSING),
    ]
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).tensor_split(batches):
            batch = x[rows] + NOISE * torch.randn(len(rows), x.shape[1])
            for columns, share in hideable:
                hidden = torch.rand(len(rows), 1) < share
                batch[:, columns] = torch.where(hidden, missing[columns], batch[:, columns])
            loss = functional.binary_cross_entropy_with_logits(network(batch)[:, 0], y[rows], reduction="none")
            optimizer.zero_grad()
            (loss * w[rows]).mean().backward()
            optimizer.step()
            schedule.step()
    return network


def held_out(looks: Looks, seed: int, folds: int = 3) -> NDArray[np.float64]:
    """Log odds (N,) of every look by networks that were fitted without its scene."""
    out = np.zeros(len(looks.fall))
    for part in range(folds):
        held = looks.scene % folds == part
        out[held] = fit(_rows(looks, ~held), seed, 1).logits(looks.features[held])
    return out


def table(looks: Looks, out: NDArray[np.float64], scenes: int, hours: float) -> None:
    """Print for each level of evidence the share of held-out falls that alarm in time and the false alarms a day."""
    alarm_after_s = float(FallParams().alarm_after_s)
    order = np.lexsort((np.arange(len(out)), looks.episode))
    groups = np.split(order, np.flatnonzero(np.diff(looks.episode[order])) + 1)
    for level in (0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995):
        wanted, false, mined = np.log(level / (1 - level)), 0, 0
        found: dict[int, str] = {}
        for rows in groups:
            at = _alarm_at(out[rows], looks.rested[rows], wanted, alarm_after_s)
            if at is None:
                continue
            row = rows[at]
            if not looks.fall[row]:
                false += 1
                mined += bool(looks.scene[row] >= MINED_FROM)
            elif looks.delay_s[row] <= 3.0:
                found[int(looks.scene[row])] = str(looks.kind[row])
        kinds = " ".join(f"{kind} {sum(k == kind for k in found.values())}" for kind in WAYS)
        print(
            f"evidence {level}: found {len(found)} of {scenes}, {24 * false / hours:.2f} false a day "
            f"({mined} of {false} mined); {kinds}"
        )


def _alarm_at(out: NDArray[np.float64], rested: NDArray[np.bool_], wanted: float, alarm_after_s: float) -> int | None:
    """The look at which an episode alarms; None = it does not. As PersonMonitor weighs the time."""
    at = float(FallParams().evidence_fades_per_s) * LOOK_S * np.arange(len(out))
    weight = np.clip((np.maximum.accumulate(out + at) - at - wanted + SOFT) / (2 * SOFT), LEAST_WEIGHT, 1.0)
    total = 0.0
    for n, (share, counts) in enumerate(zip(weight.tolist(), rested.tolist(), strict=True)):
        total = max(0.0, total + counts * LOOK_S * share)
        if total >= alarm_after_s:
            return n
    return None


def _rows(looks: Looks, which: NDArray[np.bool_]) -> Looks:
    kept = Looks(**{name: column[which] for name, column in looks._asdict().items()})
    return kept._replace(episode=np.unique(kept.episode, return_inverse=True)[1])


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
    """Gather, mine, fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--falls", type=int, default=1000)
    parser.add_argument("--homes", type=int, default=20)
    parser.add_argument("--mined", type=int, default=28)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    falls = gather(args.folder / "falls.npz", [(True, FALLS_FROM + n) for n in range(args.falls)], Nothing())
    homes = gather(args.folder / "homes.npz", [(False, HOMES_FROM + n) for n in range(args.homes)], Nothing())
    looks, hours = together([falls, homes]), args.homes * HOME_H
    if args.mined:
        first = args.folder / "first.json"
        if not first.is_file():
            write(fit(looks, seed=0), first)
        found = gather(
            args.folder / "mined.npz",
            [(False, MINED_FROM + n) for n in range(args.mined)],
            TrainedEvidence.load(first),
            only_hard=True,
        )
        looks, hours = together([looks, found]), hours + args.mined * HOME_H
    table(looks, held_out(looks, seed=0), args.falls, hours)
    write(fit(looks, seed=0), args.out)


if __name__ == "__main__":
    main()
