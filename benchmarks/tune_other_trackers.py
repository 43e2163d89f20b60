"""Random search for the settings of other trackers, on the crossings on which ours were chosen (seeds from 1000 on).

    PYTHONPATH=build/other_trackers python benchmarks/tune_other_trackers.py [--trials 60] [--seeds 6]

One setting for all sets: the one of the largest mean of HOTA and IDF1 over them. Ranges are those that the package
`trackers` publishes for its own search, wider for confidence and for the frames until a number is given; norfair
publishes none. What is found stands in tuned_trackers.json.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from crossings import estimated
from other_trackers import DEFAULTS, installed, other
from tracking import TUNED, Scene, follow, judged, of_crossing, sequence
from tracking_scenes import SETS

FIRST_SEED = 1000
WIDER = {"minimum_consecutive_frames": (1, 4), "high_conf_det_threshold": (0.05, 0.8)}


def drawn(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Settings at random."""
    if name == "norfair":
        kind = str(rng.choice(["voting", "oks"]))
        hits = int(rng.integers(8, 61))
        return {
            "distance": kind,
            "near": round(float(rng.uniform(1 / 60, 1 / 10)), 4),
            "distance_threshold": round(
                float(rng.uniform(0.1, 0.6) if kind == "voting" else rng.uniform(0.5, 0.95)), 3
            ),
            "detection_threshold": round(float(rng.uniform(0, 0.4)), 3),
            "initialization_delay": int(rng.integers(0, 6)),
            "hit_counter_max": hits,
            "pointwise_hit_counter_max": int(rng.integers(2, 31)),
            "distinct": bool(rng.integers(2)),
        }
    import trackers

    space = getattr(trackers, {"bytetrack": "ByteTrackTracker", "oc-sort": "OCSORTTracker"}[name]).search_space
    settings: dict[str, Any] = {"distinct": bool(rng.integers(2))}
    for key, how in space.items():
        low, high = WIDER.get(key, how["range"])
        whole = how["type"] == "randint"
        settings[key] = int(rng.integers(low, high)) if whole else round(float(rng.uniform(low, high)), 3)
    return settings


def worth(name: str, settings: dict[str, Any], sets: dict[str, list[Scene]]) -> float:
    """Mean of HOTA and IDF1 over all sets."""
    rows = []
    for scenes in sets.values():
        made = [sequence(s, follow(s, other(name, s.frames, s.fps, s.height_px, settings))[0]) for s in scenes]
        row = judged(made)
        rows.append((row["hota"] + row["idf1"]) / 2)
    return float(np.mean(rows))


def main() -> None:
    """Search and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=6)
    args = parser.parse_args()
    sets: dict[str, list[Scene]] = {}
    for name, make in SETS.items():
        made = [(make(seed), seed) for seed in range(FIRST_SEED, FIRST_SEED + args.seeds)]
        sets[name] = [of_crossing(c, estimated(c, s)) for c, s in made]
    best: dict[str, Any] = {}
    for name in installed():
        rng = np.random.default_rng(0)
        tried = [DEFAULTS[name], *(drawn(name, rng) for _ in range(args.trials))]
        found = [(worth(name, settings, sets), n) for n, settings in enumerate(tried)]
        value, number = max(found)
        best[name] = tried[number]
        print(f"{name}: default {found[0][0]:.4f}, best {value:.4f} {tried[number]}", flush=True)
    TUNED.write_text(json.dumps(best, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
