"""Pictures of small people are posed at a longer edge, and no others are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.tta.small_people import SmallPeopleBackend
from posemill.estimation.types import Image, Pose
from posemill.params.tta import SmallPeopleParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import Plan, stage

SMALL = SmallPeopleParams(long_edge_px=641, below_px=80)


class Sized:
    """Says at which long edge it was asked, as confidence; in a picture of value v there is somebody v pixels tall."""

    skeleton = COCO_17

    def __init__(self, long_edge_px: int, sure: float = 0.9) -> None:
        self.long_edge_px, self.sure = long_edge_px, sure

    def describe(self) -> dict[str, Any]:
        return {"long_edge_px": self.long_edge_px}

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        found = []
        for image in images:
            tall = int(image.max())
            xy = np.stack([np.zeros(17), np.linspace(0, tall, 17)], -1).astype(np.float32)
            confidence = np.full(17, self.long_edge_px / 1000, np.float32)
            found.append([Pose(xy, confidence, self.sure)] if tall else [])
        return found


def edges(backend: SmallPeopleBackend, *heights: int, side: int = 769) -> list[int | None]:
    """Long edge at which each picture of this side was answered."""
    images = [np.full((side // 2, side, 3), tall, np.uint8) for tall in heights]
    return [round(1000 * float(p[0].confidence[0])) if p else None for p in backend.poses(images)]


def test_the_size_of_the_smallest_counts_in_the_networks_input() -> None:
    backend = SmallPeopleBackend(Sized, 385, SMALL)
    # 384 / 769 of the picture's pixels: 160 pixels are 79.9 there, 161 are 80.4
    assert edges(backend, 200, 160, 161, 10, 0) == [385, 641, 385, 641, None]
    assert edges(backend, 79, 81, side=384) == [641, 385]


def test_somebody_in_doubt_says_nothing_about_sizes() -> None:
    assert edges(SmallPeopleBackend(lambda px: Sized(px, 0.19), 385, SMALL), 10) == [385]


def test_the_longer_edge_is_loaded_when_it_is_needed() -> None:
    loaded: list[int] = []

    def load(px: int) -> Sized:
        loaded.append(px)
        return Sized(px)

    backend = SmallPeopleBackend(load, 385, SMALL)
    edges(backend, 200, 200)
    assert loaded == [385]
    edges(backend, 10, 10)
    assert loaded == [385, 641]
    describes = backend.describe()
    assert json.loads(json.dumps(describes)) == describes
    assert describes["small_people"]["long_edge_px"] == 641


def test_small_rendered_people_are_posed_better() -> None:
    """Twelve people far away, who face the camera."""
    clip = stage(Plan(seed=5, subject=1, activity="wave", take=0))
    image = next(clip.images())
    truth, half = clip.truth.xy[0] / 2, image[::2, ::2]
    height, width = half.shape[:2]
    room = np.full((2 * height, 6 * width, 3), image[2, 2], np.uint8)
    places = np.array([[column * width, row * height] for row in (0, 1) for column in range(6)], np.float32)
    for x, y in places.astype(int):
        room[y : y + height, x : x + width] = half
    people = truth[None] + places[:, None]

    def oks(small_people: Any) -> NDArray[np.float64]:
        estimator = PoseEstimator(long_edge_px=385, rotation_fallback_threshold=0.0, small_people=small_people)
        found = [pose.xy for pose in estimator.predict([room])[0]]
        xy = np.stack(found) if found else np.empty((0, 17, 2), np.float32)
        return best_pairs(xy, people, box_area(people).astype(np.float32), COCO_17)[0]

    plain, by_size = oks(None), oks("auto")
    assert by_size.mean() > plain.mean() + 0.1
    assert by_size.min() > 0.8


def test_a_backend_without_a_size_says_so() -> None:
    with pytest.raises(InputError, match=r"label.small_people needs a backend with a size, which movenet has not"):
        PoseEstimator("movenet", small_people={"long_edge_px": 641}).load()
    with pytest.raises(InputError, match=r"small_people.long_edge_px should be over long_edge_px, 641, came 385"):
        PoseEstimator("posenet", long_edge_px=641, small_people={"long_edge_px": 385})
