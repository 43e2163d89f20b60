"""Active learning: accuracy by labels spent, of every way to choose clips, against random choice.

    OMP_NUM_THREADS=1 python benchmarks/active_learning.py [--seeds 10,11,...] [--pool unbalanced,balanced] [--json]

Clips of rendered people, as a pose network reports them: one window of one activity, of a person whom no other clip
shows; people of the test clips are in no pool. The unbalanced pool has as many clips of its n-th most frequent activity
as 1/n says (Zipf), as recordings of daily life have, in another order for every seed; the balanced one has as many of
each. A pool of every seed is drawn from the same rendered clips. A round labels a batch, trains a small network (a
perceptron on statistics of a window) from nothing on all labels so far and judges it. The first batch is random and the
same for all strategies.

Printed a strategy: accuracy on as many test clips of every activity (mean recall), and weighted as activities are
frequent in the pool, at every number of labels; and the share of labels saved: those with which it first is as accurate
as random choice ends, against those with which random choice first is, with its 95 % bootstrap interval over seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from open_set_clips import rendered
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.skeleton import BODY_12
from posemill.pose.window import WindowSpec
from posemill.review.acquisition import STRATEGIES, Pool, choose
from posemill.synth.activities import FALLS

SPEC = WindowSpec(duration_s=2.0, stride_s=0.25, rate_hz=24.0, smooth_s=0.1)
# of daily life, gym and sports; those that are hardly told apart are one (open_set_clips.FAMILIES)
PERFORMED = {
    **{name: (name,) for name in ("walk", "squat", "jumping_jack", "wave", "push_up", "lunge", "arm_raise", "sit_up")},
    **{
        name: (name,)
        for name in ("high_knees", "run", "clap", "drink", "phone_call", "deadlift", "kick", "box", "sweep")
    },
    **{name: (name,) for name in ("pull_up", "golf_swing", "tennis_serve", "crawl")},
    "stand": ("idle", "stand_about"),
    "fall": ("fall", *FALLS),
    "lie_down": ("lie_down_bed", "lie_down_floor"),
}
ACTIVITIES = tuple(sorted(PERFORMED))
Floats = NDArray[np.float32]
POOL, LEAST = 600, 6  # clips, and the fewest of an activity
TEST_EACH, TESTED = 20, 100_000  # clips of an activity, seed of the first person
FIRST, BATCH, ROUNDS = 48, 24, 11  # labels
STEPS, SIZE, RATE, WIDTH, DROPOUT, NOISE = 150, 96, 3e-3, 96, 0.3, 0.3
PAIRS = np.array(list(combinations(range(len(BODY_12)), 2)))
FREQUENCIES = slice(1, 7)  # of a window's movement
WEIGHTINGS = ("mean_recall", "as_the_pool")


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """Statistics of windows (N, S) and positions (N,) in ACTIVITIES."""

    statistics: Floats
    target: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> Clips:
        return Clips(self.statistics[rows], self.target[rows])


def rendered_windows(each: int, first: int) -> tuple[Floats, NDArray[np.int64]]:
    """Windows (N, T, K, 3) of so many people an activity, positions in ACTIVITIES; `first` is the first one's seed."""
    features, found, target = FeaturePipeline(BODY_12, SPEC), [], []
    for number, ways in enumerate(PERFORMED[name] for name in ACTIVITIES):
        for take in range(each):
            cut, _ = features.windows(rendered(ways[take % len(ways)], first + take, True))
            if len(cut):
                found.append(cut[len(cut) // 2])
                target.append(number)
    return np.stack(found), np.array(target)


def bank_and_test(first_tested: int) -> tuple[Clips, Clips]:
    """Clips that pools are drawn from, and test clips of other people; the seed of the first of these."""
    most = round(POOL / float((1 / np.arange(1, len(ACTIVITIES) + 1)).sum())) + 1
    (windows, target), (tested, actual) = rendered_windows(most, 0), rendered_windows(TEST_EACH, first_tested)
    features = FeaturePipeline(BODY_12, SPEC).fit(windows)
    return Clips(statistics(features.transform(windows)), target), Clips(statistics(features.transform(tested)), actual)


def statistics(x: Floats) -> Floats:
    """Positions and distances of keypoints over time: mean, spread, extremes, speed, and the rhythm of positions."""
    xy = x[..., :2]
    apart = np.linalg.norm(xy[:, :, PAIRS[:, 0]] - xy[:, :, PAIRS[:, 1]], axis=-1)
    flat = xy.reshape(*xy.shape[:2], -1)
    both = np.concatenate([flat, apart], -1)
    rhythm = np.abs(np.fft.rfft(flat - flat.mean(1, keepdims=True), axis=1))[:, FREQUENCIES] / x.shape[1]
    parts = [both.mean(1), both.std(1), both.min(1), both.max(1), np.abs(np.diff(both, axis=1)).mean(1)]
    return np.concatenate([*parts, rhythm.reshape(len(x), -1)], -1).astype(np.float32)


def frequencies(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """(A,) share of every activity in a pool."""
    if kind == "balanced":
        return np.full(len(ACTIVITIES), 1 / len(ACTIVITIES))
    share = 1 / np.arange(1, len(ACTIVITIES) + 1)
    return np.asarray(rng.permutation(share / share.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network, and what its input is standardised by."""

    body: nn.Module
    last: nn.Module
    mean: Floats
    spread: Floats

    def see(self, clips: Clips) -> tuple[Floats, Floats]:
        """Probabilities (N, A) and penultimate features (N, D)."""
        with torch.inference_mode():
            features = self.body(torch.from_numpy((clips.statistics - self.mean) / self.spread))
            return self.last(features).softmax(1).numpy(), features.numpy()


def train(clips: Clips, seed: int) -> Trained:
    """Train a small network from nothing; its last step is kept, so that no label is spent on choosing."""
    torch.manual_seed(seed)
    mean, spread = clips.statistics.mean(0), clips.statistics.std(0) + 1e-2
    x, y = torch.from_numpy((clips.statistics - mean) / spread), torch.from_numpy(clips.target)
    body = nn.Sequential(nn.Linear(x.shape[1], WIDTH), nn.ReLU(), nn.Dropout(DROPOUT))
    last = nn.Linear(WIDTH, len(ACTIVITIES))
    optimiser = torch.optim.AdamW([*body.parameters(), *last.parameters()], RATE, weight_decay=0.05)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (SIZE,))
        logits = last(body(x[rows] + NOISE * torch.randn(SIZE, x.shape[1])))
        loss = functional.cross_entropy(logits, y[rows], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return Trained(body.eval(), last.eval(), mean, spread)


def judge(trained: Trained, test: Clips, share: NDArray[np.float64]) -> tuple[float, float]:
    """Mean recall, and accuracy where activities are as frequent as in the pool."""
    right = trained.see(test)[0].argmax(1) == test.target
    recall = np.bincount(test.target, right, len(ACTIVITIES)) / np.bincount(test.target, minlength=len(ACTIVITIES))
    return float(recall.mean()), float((recall * share).sum())


def curve(
    strategy: str, pool: Clips, test: Clips, share: NDArray[np.float64], seed: int, first: Trained
) -> list[tuple[float, float]]:
    """Both accuracies after every round; `first` was trained on the first batch, the same of all strategies."""
    rng = np.random.default_rng([seed, 1])
    labelled, trained = first_batch(pool, seed), first
    found = [judge(trained, test, share)]
    for round_ in range(1, ROUNDS):
        left = np.setdiff1d(np.arange(len(pool.target)), labelled)
        probabilities, seen = trained.see(pool[left])
        own = trained.see(pool[labelled])[1]
        taken = choose(strategy, Pool(seen, probabilities, np.ones(len(left)), own), BATCH, rng)
        labelled = np.concatenate([labelled, left[taken]])
        trained = train(pool[labelled], seed * 100 + round_)
        found.append(judge(trained, test, share))
    return found


def first_batch(pool: Clips, seed: int) -> NDArray[np.int64]:
    """The random clips that are labelled first."""
    return np.random.default_rng([seed, 0]).permutation(len(pool.target))[:FIRST]


def labels_needed(curve_: NDArray[np.float64], wanted: float) -> float:
    """Labels at which a curve first reaches an accuracy, interpolated; a batch more than all if it never does."""
    spent = FIRST + BATCH * np.arange(len(curve_))
    best = np.maximum.accumulate(curve_)
    if best[-1] < wanted:
        return float(spent[-1] + BATCH)
    at = int(np.argmax(best >= wanted))
    if at == 0:
        return float(spent[0])
    part = (wanted - best[at - 1]) / max(best[at] - best[at - 1], 1e-9)
    return float(spent[at - 1] + part * BATCH)


def saved(own: NDArray[np.float64], chance: NDArray[np.float64]) -> tuple[float, float, float]:
    """Share of labels saved for the accuracy that random choice ends with, of mean curves; 95 % interval over seeds."""

    def share(rows: NDArray[np.int64]) -> float:
        mean = chance[rows].mean(0)
        wanted = float(mean[-1])
        return 1 - labels_needed(own[rows].mean(0), wanted) / labels_needed(mean, wanted)

    rng, every = np.random.default_rng(0), np.arange(len(own))
    drawn = [share(rng.choice(every, len(every))) for _ in range(1000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return share(every), float(low), float(high)


def measure(kind: str, strategies: list[str], seeds: list[int], bank: Clips, test: Clips) -> dict[str, Any]:
    """Curves of all strategies on pools of one kind, drawn from the bank."""
    curves: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in strategies}
    for seed in seeds:
        rng, began = np.random.default_rng([seed, 2]), time.monotonic()
        share = frequencies(kind, rng)
        counts = np.maximum(np.round(share * POOL).astype(np.int64), LEAST)
        pool = bank[
            np.concatenate([rng.permutation(np.flatnonzero(bank.target == n))[:c] for n, c in enumerate(counts)])
        ]
        first = train(pool[first_batch(pool, seed)], seed * 100)
        for name in strategies:
            curves[name].append(curve(name, pool, test, share, seed, first))
        print(f"{kind}, seed {seed}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    arrays = {name: np.array(values) for name, values in curves.items()}
    return {name: figures(values, arrays["random"]) for name, values in arrays.items()}


def figures(own: NDArray[np.float64], chance: NDArray[np.float64]) -> dict[str, Any]:
    """Mean curves and shares saved by both accuracies; arrays (seeds, rounds, 2)."""
    return {
        name: {
            "accuracy": [round(float(v), 4) for v in own[..., at].mean(0)],
            "saved": [round(v, 3) for v in saved(own[..., at], chance[..., at])],
        }
        for at, name in enumerate(WEIGHTINGS)
    }


def main() -> None:
    """Print the curves and what is saved."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default=",".join(str(seed) for seed in range(10, 20)))
    parser.add_argument("--pool", default="unbalanced,balanced")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    strategies = list(dict.fromkeys([*given.strategies.split(","), "random"]))
    seeds = [int(seed) for seed in given.seeds.split(",")]
    bank, test = bank_and_test(TESTED)
    print(f"{len(bank.target)} clips for pools, {len(test.target)} for tests", file=sys.stderr, flush=True)
    report = {kind: measure(kind, strategies, seeds, bank, test) for kind in given.pool.split(",")}
    spent = [FIRST + BATCH * n for n in range(ROUNDS)]
    for kind, rows in report.items():
        for which in WEIGHTINGS:
            print(f"\n{kind} pool, {which.replace('_', ' ')}, {len(seeds)} seeds; labels {spent}")
            for name, row in rows.items():
                share, low, high = row[which]["saved"]
                accuracy = " ".join(f"{v:6.1%}" for v in row[which]["accuracy"])
                print(f"{name:16} {accuracy}   labels saved {share:6.1%} ({low:.1%} to {high:.1%})")
    if given.json:
        print(json.dumps({"labels": spent, "seeds": seeds, "pools": report}))


if __name__ == "__main__":
    main()
