"""Poses of a video by posemill's engine, a JSON line a frame on standard output, as OpenPifPaf's command writes them.

python benchmarks/our_video.py clip.mp4 '{"rotation_fallback_threshold": 0}'      (parameters of the label section)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from posemill.estimation.types import load_backend
from posemill.estimation.video import find_poses
from posemill.params.label import LabelParams


def main(path: Path, params: LabelParams) -> None:
    """Write frames as they come."""
    backend = load_backend(params.backend, params)
    for found in find_poses(path, backend, params):
        people = [[*map(list, pose.xy.round(2).tolist())] for pose in found.poses]
        print(json.dumps({"frame": found.frame, "people": people}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), LabelParams.model_validate_json(sys.argv[2]))
