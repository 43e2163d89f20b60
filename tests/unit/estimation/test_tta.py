"""Several looks: a stand-in network that sees markers, so that every answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.tta.ensemble import TTA, TTABackend, merge
from posemill.estimation.types import Pose
from posemill.pose.skeleton import COCO_17

FLIP = COCO_17.flip_index
BODY = np.random.default_rng(3).uniform(-60, 60, (17, 2)).astype(np.float32)


def picture(*places: tuple[int, int]) -> NDArray[np.uint8]:
    """A white pixel where somebody stands."""
    image = np.zeros((300, 500, 3), np.uint8)
    for x, y in places:
        image[y, x] = 255
    return image


def placed(x: float, y: float) -> NDArray[np.float32]:
    return BODY + np.array([x, y], np.float32)


DEPTH = np.random.default_rng(4).uniform(-30, 30, 17).astype(np.float32)


class Markers:
    """Sees the same body around every white pixel; it knows no left and right, so a mirrored one is as sharp."""

    skeleton = COCO_17

    def __init__(self, long_edge_px: int, error_px: float = 0.0, blind: bool = False) -> None:
        self.side, self.error, self.blind = long_edge_px, error_px, blind
        self.seen: list[tuple[int, ...]] = []

    def describe(self) -> dict[str, Any]:
        return {"long_edge_px": self.side}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        self.seen += [image.shape for image in images]
        return [[] if self.blind else [self._pose(x, y) for y, x in np.argwhere(i[..., 0] == 255)] for i in images]

    def _pose(self, x: int, y: int) -> Pose:
        xy = BODY + np.array([x + self.error, y], np.float32)
        return Pose(xy.astype(np.float32), np.full(17, 0.8, np.float32), 0.6)


def test_tta_at_other_sizes_are_averaged() -> None:
    made = {257: Markers(257, 3.0), 385: Markers(385, -3.0)}
    ((pose,),) = TTABackend(lambda side: made[side], TTA((257, 385))).poses([picture((200, 150))])
    np.testing.assert_allclose(pose.xy, placed(200, 150), atol=1e-3)
    assert pose.person_confidence == pytest.approx(0.6)


def test_what_one_look_saw_alone_counts_less() -> None:
    made = {257: Markers(257), 385: Markers(385, blind=True)}
    ((pose,),) = TTABackend(lambda side: made[side], TTA((257, 385))).poses([picture((200, 150))])
    assert pose.person_confidence == pytest.approx(0.3)


def test_a_mirrored_look_comes_back_unmirrored() -> None:
    """The stand-in sees the body un-mirrored in the mirrored picture: reflected, with its sides exchanged."""
    found = TTABackend(Markers, TTA((257,), flip=True))._flipped(Markers(257), [picture((200, 150))])
    ((pose,),) = found
    wanted = BODY[FLIP] * [-1, 1] + [200, 150]
    np.testing.assert_allclose(pose.xy, wanted, atol=1e-3)


def test_close_ups_are_square_and_come_back_to_their_place() -> None:
    made = {257: Markers(257, 3.0), 321: Markers(321)}
    places = [(70, 80), (400, 200)]  # the first reaches over the border
    (people,) = TTABackend(lambda side: made[side], TTA((257,), crop_px=321)).poses([picture(*places)])
    assert len(people) == 2
    for (x, y), pose in zip(places, sorted(people, key=lambda p: p.xy[0, 0]), strict=True):
        np.testing.assert_allclose(pose.xy, placed(x, y), atol=1e-3)
    assert len(made[321].seen) == 2
    assert all(height == width for height, width, _ in made[321].seen)


def test_a_close_up_that_shows_nobody_changes_nothing() -> None:
    made = {257: Markers(257, 3.0), 321: Markers(321, blind=True)}
    tta = TTABackend(lambda side: made[side], TTA((257,), crop_px=321))
    ((pose,), nobody) = tta.poses([picture((200, 150)), picture()])
    np.testing.assert_allclose(pose.xy, placed(203, 150), atol=1e-3)
    assert nobody == []


def test_unseen_keypoints_stay_unseen_and_are_taken_from_who_saw_them() -> None:
    one, other = Markers(257)._pose(100, 100), Markers(257)._pose(100, 100)
    one.xy[3:5], one.confidence[3:5] = np.nan, 0
    other.xy[4:6], other.confidence[4:6] = np.nan, 0
    (pose,) = merge([one, other], 2, COCO_17)
    assert np.flatnonzero(np.isnan(pose.xy).any(1)).tolist() == [4]
    np.testing.assert_allclose(pose.xy[3], BODY[3] + 100, atol=1e-3)
    assert pose.confidence[4] == 0


def test_test_time_augmentation_is_described() -> None:
    said = TTABackend(Markers, TTA((257, 385), True, 321)).describe()
    assert said.pop("tta_code"), "poses do not outlive a change of how looks are joined"
    assert said == {
        "long_edge_px": 257,
        "tta_long_edges_px": [257, 385],
        "tta_flip": True,
        "tta_crop_px": 321,
    }


def test_parameters_ask_for_test_time_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    from posemill.estimation import factory
    from posemill.params.label import LabelParams

    class Entry:
        name, checkpoint = "markers", "none"

        @staticmethod
        def load(params: LabelParams) -> Markers:
            assert not params.tta.enabled
            return Markers(params.long_edge_px)

    monkeypatch.setattr(factory, "find_backend", lambda name: Entry)
    plain = LabelParams(rotation_fallback_threshold=0.0)
    assert isinstance(factory.load_backend("markers", plain), Markers)
    tta = {"scales_px": [641], "flip": True, "crop_px": 257}
    backend = factory.load_backend("markers", plain.model_validate(plain.model_dump() | {"tta": tta}))
    assert isinstance(backend, TTABackend)
    described = backend.describe()
    assert (described["tta_long_edges_px"], described["tta_crop_px"]) == ([385, 641], 257)
    with pytest.raises(ValueError, match="16n \\+ 1, such as 641 or 657"):
        LabelParams.model_validate({"tta": {"scales_px": [650]}})


class Deep(Markers):
    """Gives depth too, that of the flipped body where the picture is flipped."""

    def _pose(self, x: int, y: int) -> Pose:
        return replace(super()._pose(x, y), z=DEPTH + np.float32(self.error))


def test_depth_goes_with_its_keypoint_and_is_averaged() -> None:
    made = {257: Deep(257, 3.0), 385: Deep(385, -3.0)}
    ((pose,),) = TTABackend(lambda side: made[side], TTA((257, 385))).poses([picture((200, 150))])
    assert pose.z is not None
    np.testing.assert_allclose(pose.z, DEPTH, atol=1e-3)
    ((close,),) = TTABackend(lambda side: Deep(side), TTA((257,), crop_px=129)).poses([picture((200, 150))])
    np.testing.assert_allclose(close.z, DEPTH, atol=1e-3)  # type: ignore[arg-type]


def test_a_flipped_view_gives_depth_back_to_the_other_side() -> None:
    ((flipped,),) = TTABackend(lambda side: Deep(side), TTA((257,), flip=True))._flipped(
        Deep(257), [picture((200, 150))]
    )
    np.testing.assert_array_equal(flipped.z, DEPTH[FLIP])
    flat = merge([Pose(placed(200, 150), np.ones(17, np.float32), 0.5), flipped], 2, COCO_17)
    assert all(pose.z is None for pose in flat if pose.confidence.max() == 1)
