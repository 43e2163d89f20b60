"""Poses of a video by PoseEstimator, a JSON line a frame on standard output, as OpenPifPaf's command writes them.

python benchmarks/our_video.py clip.mp4 '{"rotation_fallback_threshold": 0}'      (parameters of the label section)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from posemill.estimation.estimator import PoseEstimator
from posemill.params.label import LabelParams


def main(path: Path, params: LabelParams) -> None:
    """Write frames as they come."""
    for frame in PoseEstimator(params=params).stream(path):
        people = [[*map(list, pose.xy.round(2).tolist())] for pose in frame.poses]
        print(json.dumps({"frame": frame.frame, "people": people}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), LabelParams.model_validate_json(sys.argv[2]))
