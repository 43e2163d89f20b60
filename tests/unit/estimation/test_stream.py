"""The engine with backends whose answers are known: order, times, regions, errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.estimation.region import Region
from posemill.estimation.stream import stream_poses
from posemill.estimation.types import FramePoses, FrameSpan, Pose, StreamingBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.video.encode import VideoWriter

FRAMES, SIZE = 12, (64, 96)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright spot that moves by four pixels a frame."""
    path = tmp_path_factory.mktemp("engine") / "spot.mp4"
    with VideoWriter(path, 25.0, SIZE[1], SIZE[0], crf=0) as video:
        for number in range(FRAMES):
            image = np.zeros((*SIZE, 3), np.uint8)
            image[30:34, 20 + 4 * number : 24 + 4 * number] = 255
            video.write(image)
    return path


class Spots:
    """Finds the bright spot of every picture, as a person all of whose keypoints are there."""

    skeleton = COCO_17

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def describe(self) -> dict[str, Any]:
        return {}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        return [self.found(image) for image in images]

    def found(self, image: NDArray[np.uint8]) -> list[Pose]:
        self.shapes.append(image.shape)
        bright = np.argwhere(image[..., 0] > 128)
        if not len(bright):
            return []
        xy = np.tile(bright.mean(0)[::-1], (17, 1)).astype(np.float32)
        return [Pose(xy, np.ones(17, np.float32), 1.0)]


class StreamedSpots(Spots):
    def stream(self, images: Iterable[NDArray[np.uint8]]) -> Iterator[list[Pose]]:
        return map(self.found, images)


def places(clip: Path, backend: Spots, params: LabelParams, span: FrameSpan | None = None) -> list[tuple[int, float]]:
    """Frame and x of everybody; x to half a pixel."""
    return [
        (found.frame, round(2 * float(pose.xy[0, 0])) / 2)
        for found in stream_poses(clip, backend, params, span)
        for pose in found.poses
    ]


@pytest.mark.parametrize("kind", [Spots, StreamedSpots])
@pytest.mark.parametrize("ahead", [1, 5, 64])
def test_every_frame_has_its_own_poses(clip: Path, kind: type[Spots], ahead: int) -> None:
    assert isinstance(kind(), StreamingBackend) == (kind is StreamedSpots)
    found = places(clip, kind(), LabelParams(batch_frames=ahead))
    assert found == [(n, 21.5 + 4 * n) for n in range(FRAMES)]


@pytest.mark.parametrize("kind", [Spots, StreamedSpots])
def test_stride_and_span_choose_frames(clip: Path, kind: type[Spots]) -> None:
    found = places(clip, kind(), LabelParams(frame_stride=3, batch_frames=2), FrameSpan(2, 8))
    assert found == [(n, 21.5 + 4 * n) for n in (3, 6)]


@pytest.mark.parametrize("kind", [Spots, StreamedSpots])
def test_a_region_is_all_that_is_looked_at_and_pixels_are_the_pictures(clip: Path, kind: type[Spots]) -> None:
    backend = kind()
    found = places(clip, backend, LabelParams(roi=(0.25, 0.25, 0.5, 1.0)))
    assert set(backend.shapes) == {(48, 24, 3)}
    assert [n for n, _ in found] == [1, 2, 3, 4, 5, 6][: len(found)]  # x from 24 to before 48
    assert found[0] == (1, 25.5)
    assert len(found) >= 6


@pytest.mark.parametrize("kind", [Spots, StreamedSpots])
def test_progress_counts_every_frame_once(clip: Path, kind: type[Spots]) -> None:
    done: list[FramePoses] = []
    for number, _ in enumerate(stream_poses(clip, kind(), LabelParams(batch_frames=5), on_frame=done.append)):
        assert len(done) <= number + 5
    assert len(done) == FRAMES


@pytest.mark.parametrize("kind", [Spots, StreamedSpots])
def test_what_is_no_video_is_unreadable(tmp_path: Path, kind: type[Spots]) -> None:
    other = tmp_path / "other.mp4"
    other.write_bytes(b"no video at all")
    with pytest.raises(UnreadableMedia):
        places(other, kind(), LabelParams())


def test_an_error_of_the_backend_ends_the_reading(clip: Path) -> None:
    class Broken(Spots):
        def found(self, image: NDArray[np.uint8]) -> list[Pose]:
            raise ValueError("no weights")

    with pytest.raises(ValueError, match="no weights"):
        places(clip, Broken(), LabelParams(batch_frames=1))


@pytest.mark.parametrize("shares", [(0.0, 0.0, 1.0, 1.0), (0.999, 0.999, 1.0, 1.0), (0.3, 0.1, 0.30001, 0.9)])
def test_a_region_lies_in_the_picture_and_is_never_empty(shares: tuple[float, float, float, float]) -> None:
    region = Region.of_shares(shares, 50, 70)
    height, width, _ = region.crop(np.zeros((50, 70, 3), np.uint8)).shape
    assert height == region.bottom - region.top >= 2
    assert width == region.right - region.left >= 2
    assert 0 <= region.left < region.right <= 70
    assert 0 <= region.top < region.bottom <= 50


@pytest.mark.parametrize("roi", [(0.5, 0, 0.5, 1), (0, 0.6, 1, 0.5), (-0.1, 0, 1, 1), (0, 0, 1, 1.1)])
def test_a_region_that_is_none_is_refused(roi: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="left < right"):
        LabelParams(roi=roi)
