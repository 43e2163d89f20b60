"""ROI propagation: where it saves work, and where it must not."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from damaged import damage
from posemill.errors import InputError
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.factory import load_backend
from posemill.estimation.fingerprint import pose_fingerprint
from posemill.estimation.preprocess import place
from posemill.estimation.roi_propagation import KEPT, RoiPropagatingBackend, input_side, region_around
from posemill.estimation.stream import stream_poses
from posemill.estimation.types import FramePoses, FrameSpan, Pose
from posemill.labelling.chunks import chunk_of_frames, frames_of_chunk
from posemill.labelling.labeller import Labeller
from posemill.labelling.progress import ChunkResult, JsonLines, LogLines
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.store.blob_store import BlobStore
from posemill.store.media import MediaStore
from posemill.store.pose_file import chunk_bytes, chunk_from
from posemill.store.pose_store import PoseStore
from posemill.store.tracks import TrackStore
from posemill.video.decode import Frame
from posemill.video.encode import VideoWriter

SIZE = (360, 640)
BODY = np.random.default_rng(3).uniform((-15, -30), (15, 30), (17, 2)).astype(np.float32)
PARAMS = LabelParams.model_validate({"roi_propagation": {}})
Film = Callable[[int], Sequence[tuple[int, int]]]


class Markers:
    """Sees a body around the middle of every white square, and nothing outside the picture that it gets."""

    skeleton = COCO_17

    def __init__(self, seen: list[tuple[int, ...]]) -> None:
        self.seen = seen

    def describe(self) -> dict[str, Any]:
        return {"backend": "markers"}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        return [self._found(image) for image in images]

    def _found(self, image: NDArray[np.uint8]) -> list[Pose]:
        self.seen.append(image.shape[:2])
        count, _, _, middles = cv2.connectedComponentsWithStats((image[..., 0] > 128).astype(np.uint8))
        return [self._pose(*middles[n], image.shape) for n in range(1, count)]

    def _pose(self, x: float, y: float, shape: tuple[int, ...]) -> Pose:
        xy = BODY + np.array([x, y], np.float32)
        inside = (xy >= 0).all(-1) & (xy <= [shape[1] - 1, shape[0] - 1]).all(-1)
        return Pose(np.where(inside[:, None], xy, np.float32("nan")), np.float32(0.8) * inside, 0.6)


def looking(params: LabelParams = PARAMS) -> tuple[RoiPropagatingBackend, list[tuple[int, ...]]]:
    seen: list[tuple[int, ...]] = []
    return RoiPropagatingBackend(lambda _: Markers(seen), params), seen


def picture(places: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
    image = np.zeros((*SIZE, 3), np.uint8)
    for x, y in places:
        image[y - 2 : y + 2, x - 2 : x + 2] = 255
    return image


def followed(film: Film, frames: int, params: LabelParams = PARAMS) -> tuple[list[FramePoses], list[tuple[int, ...]]]:
    backend, seen = looking(params)
    shown = (Frame(n, n / 25, picture(film(n))) for n in range(frames))
    return list(backend.follow(shown)), seen


def test_who_walks_is_found_in_smaller_pictures_between_keyframes() -> None:
    found, seen = followed(lambda n: [(100 + 6 * n, 180)], 20, PARAMS.model_copy(update={"threads": 1}))
    assert [f.propagated for f in found] == [n % 8 > 0 for n in range(20)]
    whole = [f for f, shape in enumerate(seen) if shape == SIZE]
    assert whole == [0, 8, 16]
    assert sum(h * w for h, w in seen) < 0.4 * 20 * SIZE[0] * SIZE[1]
    for n, each in enumerate(found):
        np.testing.assert_allclose(each.poses[0].xy, BODY + np.array([99.5 + 6 * n, 179.5]), atol=1e-3)


def test_who_comes_in_elsewhere_is_found_at_the_next_keyframe() -> None:
    found, _ = followed(lambda n: [(100, 180)] + ([(560, 90)] if n >= 3 else []), 12)
    assert [len(f.poses) for f in found] == [1] * 8 + [2] * 4
    found, _ = followed(lambda n: [(100, 180)] + ([(130 + 40, 180)] if n >= 3 else []), 5)
    assert [len(f.poses) for f in found] == [1] * 3 + [2] * 2  # beside somebody: at once
    assert not found[3].propagated  # that body reached out of the part that was looked at


def test_who_is_lost_is_looked_for_everywhere() -> None:
    found, _ = followed(lambda n: [(100, 180)] if n < 3 else [(500, 180)], 8)
    assert [f.propagated for f in found] == [False, True, True, False, True, True, True, True]
    assert [len(f.poses) for f in found] == [1] * 8
    found, _ = followed(lambda n: [(100, 180)] if n < 3 else [], 6)
    assert [(f.propagated, len(f.poses)) for f in found[2:]] == [(True, 1), (False, 0), (False, 0), (False, 0)]


def test_people_all_over_the_picture_are_no_region() -> None:
    found, seen = followed(lambda n: [(60, 60), (580, 300)], 8)
    assert not any(f.propagated for f in found)
    assert set(seen) == {SIZE}


@pytest.mark.parametrize("edge", [193, 385, 641])
@pytest.mark.parametrize("size", [(360, 640), (1920, 1080), (240, 320), (100, 90)])
def test_parts_lie_in_the_picture_show_the_people_and_have_few_sizes(size: tuple[int, int], edge: int) -> None:
    random, shapes = np.random.default_rng(0), set()
    for _ in range(100):
        middle, extent = random.uniform(0, size[::-1], 2), random.uniform(5, 0.8 * min(size))
        xy = (middle + random.uniform(-extent / 2, extent / 2, (17, 2))).clip(0, np.array(size[::-1]) - 1)
        region = region_around([Pose(xy.astype(np.float32), np.ones(17, np.float32), 1.0)], size, edge, 0.35)
        if region is None:
            continue
        assert 0 <= region.left < region.right <= size[1]
        assert 0 <= region.top < region.bottom <= size[0]
        assert (xy >= [region.left, region.top]).all()
        assert (xy <= [region.right - 1, region.bottom - 1]).all()
        scale = (max(size) - 1) / (edge - 1)
        height, width = region.bottom - region.top, region.right - region.left
        part = place(height, width, 1 + round((max(height, width) - 1) / scale))
        np.testing.assert_allclose(part.scale, place(*size, edge).scale, rtol=0.04)  # as large as in a full look
        shapes.add(part.sides)
    assert len(shapes) <= 15


def test_parts_of_one_size_share_a_backend_and_few_are_kept() -> None:
    loaded: list[int] = []
    alive: weakref.WeakSet[Markers] = weakref.WeakSet()

    def load(params: LabelParams) -> Markers:
        loaded.append(params.long_edge_px)
        alive.add(backend := Markers([]))
        return backend

    looks = RoiPropagatingBackend(load, PARAMS.model_copy(update={"long_edge_px": 641, "threads": 1}))

    def stand(height: int, width: int, *at: float) -> None:
        image = np.zeros((height, width, 3), np.uint8)
        for y in at:
            image[int(y * height), width // 3] = 255
        assert sum(frame.propagated for frame in looks.follow(Frame(n, n / 25, image) for n in range(3))) == 2

    for height, width in ((360, 640), (720, 1280), (1080, 1920), (900, 1600)):
        stand(height, width, 0.5)
    assert loaded[0] == 641
    assert len(loaded) == len(set(loaded))
    assert all(side % 16 == 1 for side in loaded)
    for height in range(200, 400, 7):  # parts as high as the picture, which may be anything
        stand(height, 640, 0.2, 0.8)
    gc.collect()
    assert len(set(loaded)) > KEPT + 1
    assert len(alive) <= KEPT + 1


@pytest.mark.parametrize("scale_px", [0.4, 1.0, 1.7, 5.0])
def test_a_part_has_the_length_that_it_was_cut_for(scale_px: float) -> None:
    for side in range(97, 641, 16):
        assert input_side(1 + int((side - 1) * scale_px), scale_px) == side
    assert input_side(1 + int(216 * scale_px), scale_px) == pytest.approx(217, abs=1 / scale_px)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody walks, is gone for a while, and another one comes and goes."""
    path = tmp_path_factory.mktemp("hinted") / "walk.mp4"
    with VideoWriter(path, 25.0, SIZE[1], SIZE[0], crf=1) as video:
        for n in range(30):
            people = [(60 + 5 * n, 200)] if not 12 <= n < 14 else []
            video.write(picture(people + ([(500 - 9 * n, 90)] if 5 <= n < 19 else [])))
    return path


@pytest.mark.parametrize("change", [{}, {"frame_stride": 3}, {"roi": (0.05, 0.1, 0.9, 1.0)}, {"threads": 5}])
def test_poses_do_not_depend_on_where_a_video_is_cut(film: Path, change: dict[str, Any]) -> None:
    params = PARAMS.model_copy(update=change)

    def found(span: FrameSpan | None) -> Iterator[tuple[int, bool, bytes]]:
        for each in stream_poses(film, looking(params)[0], params, span):
            yield each.frame, each.propagated, np.array([pose.xy for pose in each.poses], np.float32).tobytes()

    whole = list(found(None))
    assert {hint for _, hint, _ in whole} == {True, False}
    for cuts in ([0, 7, None], [0, 17, 18, 24, None]):
        spans = [FrameSpan(start or 0, end) for start, end in pairwise(cuts)]
        assert [each for span in spans for each in found(span)] == whole


def test_progress_and_pose_files_say_which_frames_were_propagated(film: Path) -> None:
    done: list[FramePoses] = []
    found = list(stream_poses(film, looking()[0], PARAMS, FrameSpan(5, 20), done.append))
    assert len(done) == len(found) == 15
    chunk = chunk_of_frames(found, "m", "f", (5, 20), COCO_17, (SIZE[1], SIZE[0]), 2.0)
    again = chunk_from(chunk_bytes(chunk), "here")
    assert [f.propagated for f in frames_of_chunk(again)] == [f.propagated for f in found]
    assert any(f.propagated for f in found)
    plain = chunk_of_frames([FramePoses(5, 0.2, [])], "m", "f", (5, 20), COCO_17, (SIZE[1], SIZE[0]), 2.0)
    assert chunk_from(chunk_bytes(plain), "here").propagated is None

    said: list[str] = []
    lines = LogLines(said.append)
    for each in found:
        lines.frame("m", len(each.poses), each.propagated)
    lines.end()
    assert f"{sum(f.propagated for f in found)} around people only" in said[-1]
    JsonLines(said.append).done(ChunkResult("m", (5, 20), 15, 15, 1.0, 12))
    assert '"propagated_frames": 12' in said[-1]


def test_propagated_frames_are_counted_whatever_file_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, listings = str(tmp_path), []
    labeller = Labeller(
        PoseEstimator.from_backend(looking()[0], PARAMS), MediaStore(url), PoseStore(url), TrackStore(url)
    )
    media = [letter * 64 for letter in "abcd"]
    stretches: list[tuple[int, int | None]] = [(0, 500), (500, None)]
    for number, medium in enumerate(media):
        for start, end in stretches:
            found = [FramePoses(start + n, n / 25, [], propagated=n < 10 * number) for n in range(500)]
            made = chunk_of_frames(
                found, medium, labeller.pose_fingerprint, (start, end), COCO_17, (SIZE[1], SIZE[0]), 40.0
            )
            labeller.poses.put(made)
    names = BlobStore.names
    monkeypatch.setattr(BlobStore, "names", lambda *given: listings.append(given) or names(*given))
    monkeypatch.setattr("posemill.store.pose_store.chunk_from", None)  # no poses are read
    assert labeller.propagated(media) == 2 * (10 + 20 + 30)
    assert labeller.propagated(media[2:3]) == 2 * 20
    assert len(listings) == 2
    first = [next(tmp_path.rglob(f"{medium}-00000000-*.parquet")) for medium in media]
    damage(first[2])  # poses, which are not looked at
    first[3].write_bytes(b"PAR1")
    assert labeller.propagated(media) == 2 * (10 + 20) + 30


def test_propagation_names_the_labeller_and_nothing_does_without_it() -> None:
    describes = {"backend": "markers"}
    names = {pose_fingerprint(describes, LabelParams()), pose_fingerprint(describes, PARAMS)}
    other = LabelParams.model_validate({"roi_propagation": {"margin": 0.5}})
    assert len(names | {pose_fingerprint(describes, other)}) == 3
    assert looking()[0].describe()["roi_propagation"]["keyframe_interval"] == 8


def test_a_setting_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="do not go together"):
        LabelParams.model_validate({"roi_propagation": {}, "tta": {"flip": True}})
    with pytest.raises(InputError, match="saves nothing with backend movenet"):
        load_backend("movenet", PARAMS)
