"""A pose backend without a network, slow on purpose, for videos whose pictures carry their own number.

Run as a program it is `posemill` with this backend: `python stand_in_labeller.py label --json`. The environment says
how slow it is (STAND_IN_DELAY_S a picture), where it notes what it looked at (STAND_IN_LOG), and at which number it
breaks (STAND_IN_BREAKS, a video's number).
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17

BITS, SIDE_PX, FPS = 16, 16, 10


def write_video(path: Path, video: int, frames: int) -> Path:
    """A video whose pictures show `video` (4 bits) and the frame's number (12 bits) as black and white squares."""
    from posemill.video.encode import VideoWriter

    with VideoWriter(path, FPS, 8 * SIDE_PX, 2 * SIDE_PX) as writer:
        for frame in range(frames):
            bits = (video << 12 | frame) >> np.arange(BITS) & 1
            squares = np.where(bits, 255, 0).reshape(2, 8).astype(np.uint8)
            writer.write(np.repeat(np.kron(squares, np.ones((SIDE_PX, SIDE_PX), np.uint8))[..., None], 3, -1))
    return path


def number(image: NDArray[np.uint8]) -> tuple[int, int]:
    """(video, frame) that a picture shows."""
    middles = image[SIDE_PX // 2 :: SIDE_PX, SIDE_PX // 2 :: SIDE_PX, 0].reshape(-1) > 127
    shown = int((middles.astype(np.int64) << np.arange(BITS)).sum())
    return shown >> 12, shown & 0xFFF


class StandIn:
    """Two people who pass each other; the second is not there all the time."""

    skeleton = COCO_17

    def __init__(self) -> None:
        self._delay_s = float(os.environ.get("STAND_IN_DELAY_S", "0"))
        self._log = os.environ.get("STAND_IN_LOG")
        self._breaks = os.environ.get("STAND_IN_BREAKS", "")

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return {"backend": "stand-in", "checkpoint_sha256": "0" * 64}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        """See PoseBackend."""
        return [self._look(image) for image in images]

    def _look(self, image: NDArray[np.uint8]) -> list[Pose]:
        video, frame = number(image)
        if self._breaks == str(video):
            raise RuntimeError("the stand-in is broken")
        time.sleep(self._delay_s)
        if self._log:
            with open(self._log, "a") as log:  # one short write: lines of two processes do not mix
                log.write(f"{video} {frame}\n")
        xs = [20 + 2 * (frame % 40)] + ([100 - 2 * (frame % 40)] if frame % 7 else [])
        return [_person(x + video, 0.9 - 0.001 * frame) for x in xs]


def _person(x: float, sure: float) -> Pose:
    k = np.arange(17)
    xy = np.stack([x + 3 * (k % 4), 2 + 1.5 * k], -1).astype(np.float32)
    xy[3] = np.nan
    confidence = np.full(17, sure, np.float32)
    confidence[3] = 0
    return Pose(xy, confidence, sure)


def main() -> None:
    """`posemill`, with this backend."""
    from posemill.cli.main import main as command
    from posemill.estimation import factory

    factory.load_backend = lambda name, params: StandIn()
    command()


if __name__ == "__main__":
    main()
