"""A pose backend of known answer: the bright square of made videos is a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17


class BrightSquare:
    """A pose backend whose person is the bright square of `fixtures.media.picture`."""

    skeleton = COCO_17

    def describe(self) -> dict[str, Any]:
        return {"backend": "bright square"}

    def poses(self, images: Sequence[np.ndarray]) -> list[list[Pose]]:
        return [self._pose(image) for image in images]

    def _pose(self, image: np.ndarray) -> list[Pose]:
        y, x = np.nonzero(image[..., 0] > 170)
        if len(x) < 20:
            return []
        offset = np.linspace(-6, 6, 17)
        xy = np.stack([x.mean() + offset, y.mean() + offset[::-1] ** 2 / 6], -1).astype(np.float32)
        return [Pose(xy, np.ones(17, np.float32), 0.9)]
