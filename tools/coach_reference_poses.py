"""Make the reference poses of the form coach: 3-D poses of rendered people, with and without form faults.

    python tools/coach_reference_poses.py [--out src/posemill/applications/coach/reference_poses.npz]

The coach compares a pose in the picture with these poses seen from all sides: that tells the camera's view and how far
an angle in the picture is from the angle in space. The seeds are other ones than those of benchmarks/coach.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.applications.coach.measures import KEYPOINTS
from posemill.synth.exercise_faults import FAULTS, perform

FIRST_SEED, PEOPLE, POSES = 50_000, 10, 6
DEFAULT = Path(__file__).parents[1] / "src/posemill/applications/coach/reference_poses.npz"


def poses(exercise: str) -> NDArray[np.float16]:
    """Return (N, 17, 3) metres, forward, up and left of the body, spread over people, faults and time."""
    found = []
    for number, fault in enumerate((None, *FAULTS[exercise])):
        for person in range(PEOPLE):
            seed = FIRST_SEED + 100 * number + person
            points = perform(exercise, fault, seed).rig.points
            chosen = np.random.default_rng(seed).choice(len(points["nose"]), POSES, replace=False)
            found.append(np.stack([points[name][chosen] for name in KEYPOINTS], 1)[..., [2, 1, 0]])
    return np.concatenate(found).astype(np.float16)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DEFAULT)
    out = parser.parse_args().out
    np.savez_compressed(out, **{exercise: poses(exercise) for exercise in FAULTS})
    print(f"{out}: {out.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
