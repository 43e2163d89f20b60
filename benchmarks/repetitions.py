"""Repetition counting on poses with known counts: OBO and MAE, an exercise a row, with bootstrap intervals.

    python benchmarks/repetitions.py [FOLDER] [--fps FPS] [--lookahead-s S] [--json]

FOLDER (default ../shared/apps/repetitions) has `poses.npz`, an array (T, 99) or (T, 33, 2 or 3) of BlazePose landmarks
a video, and `counts.csv` with the columns key, activity, true_count. OBO is the share of videos whose count is off by
at most one, MAE the mean of |count - true| / true, as TransRAC defines them; videos with a true count of 0 are left
out of the MAE. With --json the last line is one flat JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.applications.repetitions import count_repetitions
from posemill.applications.repetitions.params import RepetitionParams
from posemill.pose.skeleton import BLAZEPOSE_33

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "apps" / "repetitions"
DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Counted:
    """A video: its activity, its true count and what was counted."""

    activity: str
    true: int
    counted: int


def off_by_one(true: NDArray[np.int64], counted: NDArray[np.int64]) -> float:
    """Return the share of counts that are off by at most one."""
    return float((np.abs(counted - true) <= 1).mean())


def mean_absolute_error(true: NDArray[np.int64], counted: NDArray[np.int64]) -> float:
    """Return the mean of |counted - true| / true over the videos with repetitions; NaN where there is none."""
    some = true > 0
    return float((np.abs(counted - true)[some] / true[some]).mean()) if some.any() else float("nan")


def count_folder(folder: Path, fps: float | None, params: RepetitionParams) -> list[Counted]:
    """Count every video of the folder."""
    with (folder / "counts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = []
    with np.load(folder / "poses.npz") as poses:
        for row in rows:
            array = poses[row["key"]].astype(np.float32)
            body = array.reshape(len(array), len(BLAZEPOSE_33.keypoints), -1)
            result = count_repetitions(body, BLAZEPOSE_33, fps, params)
            found.append(Counted(row["activity"], int(row["true_count"]), result.count))
    return found


def interval(videos: list[Counted], figure: str) -> tuple[float, float]:
    """Return the 95 % bootstrap interval over videos of `obo` or `mae`."""
    measure = off_by_one if figure == "obo" else mean_absolute_error
    true, counted = (np.array([getattr(v, name) for v in videos]) for name in ("true", "counted"))
    rng = np.random.default_rng(0)
    draws = rng.integers(len(videos), size=(DRAWS, len(videos)))
    low, high = np.quantile([measure(true[d], counted[d]) for d in draws], (0.025, 0.975))
    return float(low), float(high)


def figures_of(videos: list[Counted]) -> tuple[float, float]:
    """Return OBO and MAE."""
    true, counted = (np.array([getattr(v, name) for v in videos]) for name in ("true", "counted"))
    return off_by_one(true, counted), mean_absolute_error(true, counted)


def report(videos: list[Counted], seconds: float) -> dict[str, float]:
    """Print the table and return the figures by name."""
    print(f"{'exercise':<20}{'videos':>7}{'OBO':>7}{'MAE':>7}")
    figures: dict[str, float] = {}
    for activity in sorted({v.activity for v in videos}):
        some = [v for v in videos if v.activity == activity]
        obo, mae = figures_of(some)
        figures |= {f"obo_{activity}": round(obo, 4), f"mae_{activity}": round(mae, 4)}
        print(f"{activity:<20}{len(some):>7}{obo:>7.2f}{mae:>7.2f}")
    obo, mae = figures_of(videos)
    figures |= {"videos": len(videos), "obo": round(obo, 4), "mae": round(mae, 4)}
    for name in ("obo", "mae"):
        low, high = interval(videos, name)
        figures |= {f"{name}_low": round(low, 4), f"{name}_high": round(high, 4)}
        print(f"{name.upper()} {figures[name]:.3f}  (95 % interval {low:.3f} to {high:.3f})")
    figures["seconds"] = round(seconds, 1)
    print(f"{seconds:.1f} s")
    return figures


def main() -> None:
    """Parse the command line, count, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--fps", type=float, help="of all videos; default: not known")
    parser.add_argument("--lookahead-s", type=float, default=RepetitionParams().lookahead_s)
    parser.add_argument("--json", action="store_true", help="last line is a flat JSON object of the figures")
    options = parser.parse_args()
    started = time.perf_counter()
    videos = count_folder(options.folder, options.fps, RepetitionParams(lookahead_s=options.lookahead_s))
    figures = report(videos, time.perf_counter() - started)
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
