"""Everybody is looked at close up, keeps being who they were, and comes once."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.accuracy import best_pairs
from posemill.estimation.backends.movenet.around import distinct, square_around
from posemill.estimation.backends.movenet.multi import MoveNetManyBackend, load
from posemill.estimation.backends.movenet.single import EMBEDDED
from posemill.estimation.types import Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import SynthClip

Rendered = tuple[SynthClip, NDArray[np.uint8]]


def params(**label: Any) -> LabelParams:
    return LabelParams(backend="movenet-many", threads=1, **label)


@pytest.fixture(scope="module")
def both() -> PoseBackend:
    return load(params(long_edge_px=641))


def two_people(rendered: Rendered) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The rendered person, and beside them their mirror image; (2, 17, 2) true keypoints."""
    clip, image = rendered
    width = image.shape[1]
    mirrored = clip.truth.xy[0][COCO_17.flip_index]
    mirrored = np.stack([2 * width - 1 - mirrored[:, 0], mirrored[:, 1]], -1)
    return np.concatenate([image, image[:, ::-1]], 1), np.stack([clip.truth.xy[0], mirrored])


def test_two_rendered_people_are_found_where_they_are(both: PoseBackend, rendered: Rendered) -> None:
    picture, truth = two_people(rendered)
    (poses,) = both.poses([picture])
    similarity, number = best_pairs(np.stack([p.xy for p in poses]), truth, box_area(truth).astype(np.float32), COCO_17)
    assert (similarity > 0.6).all()
    assert len(set(number.tolist())) == 2


def test_equal_pictures_have_equal_poses_in_any_batch(both: PoseBackend, rendered: Rendered) -> None:
    picture, _ = two_people(rendered)
    empty = np.full((90, 160, 3), 128, np.uint8)
    first, nobody, again = both.poses([picture, empty, picture])
    assert nobody == []
    assert len(first) == len(again) > 1
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)


class Finder:
    """Finds what it is told."""

    skeleton = COCO_17

    def __init__(self, *people: Pose) -> None:
        self._people = list(people)

    def describe(self) -> dict[str, Any]:
        return {"backend": "told"}

    def poses(self, images: Any) -> list[list[Pose]]:
        return [self._people for _ in images]


def test_somebody_else_in_the_close_up_changes_nobody(rendered: Rendered) -> None:
    clip, image = rendered
    right = Pose(clip.truth.xy[0], np.full(17, 0.5, np.float32), 0.5)
    low = clip.truth.xy[0].min(0)
    wrong = Pose((low + (clip.truth.xy[0] - low)[:, ::-1]).astype(np.float32), right.confidence, 0.5)  # turned aside
    for person, stays in ((right, False), (wrong, True)):
        (poses,) = MoveNetManyBackend(EMBEDDED, Finder(person), params()).poses([image])
        assert len(poses) == 1
        seen = np.isfinite(poses[0].xy).all(-1)
        unchanged = np.allclose(poses[0].xy[seen], person.xy[seen])
        assert unchanged == stays


def test_a_person_who_was_found_twice_comes_once(rendered: Rendered) -> None:
    clip, image = rendered
    at, sure = clip.truth.xy[0], np.full(17, 0.5, np.float32)
    twice = [Pose(at, sure, 0.4), Pose(at + np.float32(2), sure, 0.6)]
    ((pose,),) = MoveNetManyBackend(EMBEDDED, Finder(*twice), params()).poses([image])
    assert pose.person_confidence == 0.6  # the finder's
    apart = [Pose(twice[0].xy + np.float32(n * 200), twice[0].confidence, 0.3 + n / 10) for n in range(3)]
    assert [p.person_confidence for p in distinct(zip(apart, apart, strict=True))] == pytest.approx([0.5, 0.4, 0.3])


def test_where_movenet_sees_one_person_in_two_crops_the_other_keeps_the_finders_pose() -> None:
    one, other = (
        Pose(np.full((17, 2), n, np.float32) + np.arange(17)[:, None] * 9, np.ones(17, np.float32), 0.5 + n / 100)
        for n in (0, 60)
    )
    kept = distinct([(one, other), (other, other)])
    assert [np.array_equal(pose.xy, expected.xy) for pose, expected in zip(kept, (other, one), strict=True)] == [
        True,
        True,
    ]


def test_the_square_holds_the_person_in_its_middle() -> None:
    xy = np.full((17, 2), np.nan, np.float32)
    assert square_around(xy) is None
    xy[3] = 50, 60
    assert square_around(xy) is None
    xy[5] = 90, 260
    assert square_around(xy) == (-65, 25, 270)


def test_what_changes_keypoints_is_described(both: PoseBackend) -> None:
    describes = both.describe()
    assert json.loads(json.dumps(describes)) == describes
    assert describes["checkpoint_sha256"] == EMBEDDED.sha256
    assert describes["finder"]["long_edge_px"] == 641
    assert describes != load(params(keypoint_threshold=0.5, long_edge_px=641)).describe()
