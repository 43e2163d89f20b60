"""Face blurring: the head of a moving person is unreadable in every frame, also where it is lost."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.faces import FaceBlur
from posemill.pose.skeleton import SKELETONS
from posemill.pose.track import MediumTracks, PoseTrack

COCO = SKELETONS["coco-17"]
FPS, SIZE = 10.0, (240, 320)


def walk(lost: slice = slice(0, 0), what: str = "head") -> MediumTracks:
    """A person of 140 px who walks 4 px a frame for 3 s; in frames of `lost` head keypoints or all are not seen."""
    rows = 30
    xy = np.full((rows, 17, 2), np.nan, np.float32)
    x = 80 + 4 * np.arange(rows)
    places = {"nose": (0, 60), "left_eye": (4, 56), "right_eye": (-4, 56), "left_shoulder": (18, 90)}
    places |= {"right_shoulder": (-18, 90), "left_ankle": (8, 200), "right_ankle": (-8, 200)}
    for name, (dx, y) in places.items():
        xy[:, COCO.keypoints.index(name)] = np.stack([x + dx, np.full(rows, y)], 1)
    names = ("nose", "left_eye", "right_eye") if what == "head" else COCO.keypoints
    for name in names:
        xy[lost, COCO.keypoints.index(name)] = np.nan
    confidence = np.where(np.isnan(xy[..., 0]), 0, 1).astype(np.float32)
    keep = ~np.isnan(xy[..., 0]).all(1)
    frame = np.arange(rows, dtype=np.int32)
    track = tracked(frame[keep], xy[keep], confidence[keep])
    return MediumTracks("a" * 64, "test", COCO, SIZE[1], SIZE[0], rows, rows / FPS, (track,))


def tracked(frame: NDArray[np.int32], xy: NDArray[np.float32], confidence: NDArray[np.float32]) -> PoseTrack:
    return PoseTrack(COCO, 0, frame, frame / FPS, xy, confidence, np.zeros(len(frame), np.uint8))


def chess() -> NDArray[np.uint8]:
    """A picture whose neighbouring pixels differ as far as they can."""
    rows, columns = np.indices(SIZE)
    return np.repeat((((rows + columns) % 2) * 255).astype(np.uint8)[..., None], 3, 2)


def texture(image: NDArray[np.uint8], x: float, y: float, reach: int = 8) -> float:
    part = image[int(y) - reach : int(y) + reach, int(x) - reach : int(x) + reach].astype(float)
    return float(np.abs(np.diff(part, axis=1)).mean())


@pytest.mark.parametrize("what", ["head", "all"])
@pytest.mark.parametrize("lost", [slice(0, 0), slice(10, 20), slice(0, 8), slice(24, 30)])
def test_the_head_is_unreadable_in_every_frame(lost: slice, what: str) -> None:
    blur, picture = FaceBlur(walk(lost, what)), chess()
    for frame in range(30):
        blurred = blur.blur(picture, frame / FPS)
        first, last = (lost.stop, 29) if lost.start == 0 else (0, lost.start - 1 if lost.stop == 30 else 29)
        near = int(np.clip(frame, first, last)) if what == "all" else frame  # before and after, it stays where it was
        assert texture(blurred, 80 + 4 * near, 60) < 25, frame  # 255 in the picture
        assert np.array_equal(blurred[150:], picture[150:])
        assert np.array_equal(blurred[:, 260:], picture[:, 260:])
    assert texture(picture, 80, 60) == 255


def test_a_head_that_is_gone_for_long_is_not_blurred_for_ever() -> None:
    blur = FaceBlur(walk(slice(5, 30), "all"), hold_s=0.5)
    assert len(blur.heads(0.8)) == 1
    assert blur.heads(1.2) == []


def test_in_a_gap_the_head_is_on_the_way() -> None:
    (head,) = FaceBlur(walk(slice(10, 20), "all")).heads(1.45)
    assert head.x_px == pytest.approx(80 + 4 * 14.5)
    assert head.y_px == pytest.approx(58)


def test_a_picture_without_people_and_a_head_at_the_edge() -> None:
    nobody = MediumTracks("a" * 64, "test", COCO, SIZE[1], SIZE[0], 30, 3.0, ())
    assert np.array_equal(FaceBlur(nobody).blur(chess(), 0.0), chess())
    track = walk().tracks[0]
    away = tracked(track.frame, track.xy - np.array([100, 50], np.float32), track.confidence)
    edge = MediumTracks("a" * 64, "test", COCO, SIZE[1], SIZE[0], 30, 3.0, (away,))
    blurred = FaceBlur(edge).blur(chess(), 0.5)
    assert blurred.shape == (*SIZE, 3)
    assert texture(blurred, 8, 8) < 25
