"""Train the repetition counter's network on synthetic motion only, and write its weights.

    python tools/train_repetitions.py OUT.npz [--takes 5000] [--steps 4500] [--from WEIGHTS.npz]
        [--learning-rate 0.0024] [--seed 0]

No exercise is shown to it: takes are random movements from random postures (`posemill.synth.repetitive`), seen by
random cameras through an estimator's errors (`posemill.synth.observation`). Half an hour on one core with the defaults.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from posemill.applications.repetitions.network import PERIODS_BINS
from posemill.applications.repetitions.poses import standardise
from posemill.applications.repetitions.similarity import CHANNELS, features
from posemill.synth.observation import estimated, moving_mean, project
from posemill.synth.repetitive import random_take

STEP_S = 0.1
BATCH = 16
WIDTH = 48
DILATIONS = (1, 2, 4, 8, 16, 32, 4)
COUNTED_OVER_BINS = (80, 320)
LEAST_VISIBLE = 1.0  # of movement to errors: what cannot be seen is not learnt from

Floats = NDArray[np.float32]


class Network(nn.Module):
    """The network of `posemill.applications.repetitions.network` for training, with the same parameter names."""

    def __init__(self) -> None:
        super().__init__()
        self.inp = nn.Conv1d(CHANNELS, WIDTH, 1)
        self.drop = nn.Dropout(0.1)
        self.a = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 3, dilation=d, padding=d) for d in DILATIONS)
        self.b = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 1) for _ in DILATIONS)
        self.out = nn.Conv1d(WIDTH, 1 + len(PERIODS_BINS), 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logit of being in a repetition (B, T) and the logits of its length (B, P, T)."""
        hidden = self.drop(self.inp(x))
        for dilated, pointwise in zip(self.a, self.b, strict=True):
            hidden = hidden + pointwise(functional.relu(dilated(hidden)))
        out = self.out(functional.relu(hidden))
        return out[:, 0], out[:, 1:]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Takes in memory: points (N, T, 12, 3), period_s (N, T), cuts (N, T)."""

    points: Floats
    period_s: Floats
    cuts: NDArray[np.bool_]


def make_pool(rng: np.random.Generator, takes: int) -> Pool:
    """Make the takes."""
    made = [random_take(rng) for _ in range(takes)]
    cuts = np.zeros((takes, len(made[0].time_s)), bool)
    for i, take in enumerate(made):
        cuts[i, take.cuts] = True
    points = np.stack([take.points - take.points.mean((0, 1)) for take in made]).astype(np.float32)
    return Pool(points, np.stack([take.period_s for take in made]).astype(np.float32), cuts)


def draw(rng: np.random.Generator, pool: Pool) -> tuple[Tensor, Tensor, Tensor]:
    """Return features (B, F, T), the period in seconds (B, T), 0 = none, and the weight of each bin (B, T)."""
    which = rng.integers(len(pool.points), size=BATCH)
    clean = project(rng, pool.points[which].astype(np.float64), pool.cuts[which])
    noisy, found = estimated(rng, clean)
    inside = _inside(rng, *found.shape[:2])
    found &= inside[..., None]
    poses, seen = standardise(np.where(found[..., None], noisy, np.nan))
    period = pool.period_s[which].copy()
    gone = np.asarray(~found.any(-1))
    period[moving_mean(gone[..., None].astype(np.float64), 11)[..., 0] > 0.95] = 0
    weight = inside.astype(np.float32)
    truth, noise = standardise(clean)[0], standardise(noisy)[0]
    movement = moving_mean(((truth - moving_mean(truth, 41)) ** 2).sum(-1), 41)
    error = moving_mean(((noise - truth) ** 2).sum(-1) * found, 41)
    visible = (np.sqrt(movement) / (np.sqrt(error) + 0.06)).max(-1)
    weight[(visible < LEAST_VISIBLE) & (period > 0)] = 0
    inputs = torch.from_numpy(features(poses, seen)).transpose(1, 2)
    return inputs, torch.from_numpy(period), torch.from_numpy(weight)


def _inside(rng: np.random.Generator, b: int, t: int) -> NDArray[np.bool_]:
    """Return (B, T): some sequences begin later or end earlier."""
    first = rng.integers(0, t // 3, b) * (rng.random(b) < 0.3)
    last = t - rng.integers(0, t // 3, b) * (rng.random(b) < 0.3)
    at = np.arange(t)
    return np.asarray((at >= first[:, None]) & (at < last[:, None]))


def loss_of(active: Tensor, lengths: Tensor, period_s: Tensor, weight: Tensor) -> Tensor:
    """Return the loss: in a repetition or not, how long it is, and the count over spans of time."""
    inside = (period_s > 0).float()
    entropy = functional.binary_cross_entropy_with_logits(active, inside, reduction="none")
    shown = (entropy * weight).sum() / weight.sum()
    periods = torch.from_numpy(PERIODS_BINS).float()
    place = torch.log((period_s / STEP_S).clamp(min=float(periods[0])) / periods[0]) / torch.log(
        periods[1] / periods[0]
    )
    near = torch.arange(len(periods))[None, :, None] - place.clamp(0, len(periods) - 1)[:, None]
    target = torch.exp(-0.5 * (near / 0.8) ** 2)
    target = target / target.sum(1, keepdim=True)
    length = -(target * functional.log_softmax(lengths, 1)).sum(1)
    counts = weight * inside
    length_loss = (length * counts).sum() / counts.sum().clamp(min=1)
    rate = (torch.softmax(lengths, 1) / periods[None, :, None]).sum(1)
    true_rate = torch.where(period_s > 0, STEP_S / period_s.clamp(min=STEP_S), torch.zeros_like(period_s))
    return shown + 0.5 * length_loss + 0.5 * _count_loss(torch.sigmoid(active) * rate * weight, true_rate * weight)


def _count_loss(density: Tensor, true_density: Tensor) -> Tensor:
    """Return the mean of |log ratio| of counted to true over spans."""
    total, true_total = (functional.pad(torch.cumsum(d, 1), (1, 0)) for d in (density, true_density))
    loss = density.new_zeros(())
    for bins in COUNTED_OVER_BINS:
        counted, true = (t[:, bins:] - t[:, :-bins] for t in (total, true_total))
        loss = loss + (torch.log(0.5 + counted) - torch.log(0.5 + true)).abs().mean()
    return loss


def train(network: Network, pool: Pool, steps: int, learning_rate: float, seed: int) -> None:
    """Train in place; prints the running loss."""
    rng = np.random.default_rng(seed + 1)
    optimizer = torch.optim.AdamW(network.parameters(), learning_rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps, pct_start=0.08)
    started, running = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        inputs, period_s, weight = draw(rng, pool)
        active, lengths = network(inputs)
        loss = loss_of(active, lengths, period_s, weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        running = loss.item() if step == 1 else 0.98 * running + 0.02 * loss.item()
        if step % 100 == 0:
            print(f"step {step}  loss {running:.3f}  {time.monotonic() - started:.0f} s", flush=True)


def write(network: Network, out: Path) -> None:
    """Write the weights as float16, with the dilations."""
    weights = {name: value.numpy().astype(np.float16) for name, value in network.state_dict().items()}
    np.savez_compressed(out, dilations=np.array(DILATIONS), **weights)


def read_into(network: Network, path: Path) -> None:
    """Start from weights that were written before."""
    with np.load(path) as arrays:
        state = {
            name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files if name != "dilations"
        }
    network.load_state_dict(state)


def main() -> None:
    """Parse the command line, train, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--takes", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=4500)
    parser.add_argument("--from", dest="start", type=Path, help="weights to start from")
    parser.add_argument("--learning-rate", type=float, default=2.4e-3, help="the largest of the schedule")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    network = Network()
    if options.start:
        read_into(network, options.start)
    pool = make_pool(np.random.default_rng(options.seed), options.takes)
    train(network, pool, options.steps, options.learning_rate, options.seed)
    write(network.eval(), options.out)


if __name__ == "__main__":
    main()
