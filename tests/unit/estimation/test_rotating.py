"""Rotation of every person, with a backend that sees only those who stand upright in its picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.factory import load_backend
from posemill.estimation.fingerprint import pose_fingerprint
from posemill.estimation.roi_propagation import RoiPropagatingBackend
from posemill.estimation.stream import stream_poses
from posemill.estimation.tta.orientation import BATCH, SEARCHES, WHOLE
from posemill.estimation.tta.rotating import RotatedPictures, RotatingBackend, crop_long_edge
from posemill.estimation.types import FramePoses, FrameSpan, Pose, StreamingBackend
from posemill.params.label import LabelParams
from posemill.pose.skeleton import COCO_17
from posemill.video.decode import Frame, read_frames
from posemill.video.encode import VideoWriter

SIZE = (240, 400)
TALL, WIDE = 60, 12  # pixels of a figure
INTERVAL = LabelParams().rotation.keyframe_interval
PARAMS = LabelParams(threads=1)
Figure = tuple[float, float, float]  # x, y of its middle, and degrees by which it has fallen clockwise
UP = {0: (0, -1), 90: (1, 0), 180: (0, 1), 270: (-1, 0)}


class Upright:
    """Sees whoever stands within 40 degrees of upright; of others something of little confidence, elsewhere.

    A figure has a red head and blue feet. Every picture that it gets is noted by its height and width.
    """

    skeleton = COCO_17

    def __init__(self, seen: list[tuple[int, int]]) -> None:
        self.seen = seen

    def describe(self) -> dict[str, Any]:
        return {"backend": "upright"}

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        return [self.found(image) for image in images]

    def found(self, image: NDArray[np.uint8]) -> list[Pose]:
        self.seen.append((image.shape[0], image.shape[1]))
        heads, feet = middles(image, 0), middles(image, 2)
        people = []
        for head in heads:
            own = min(feet, key=lambda foot: np.hypot(*(foot - head)), default=None)
            if own is None or np.hypot(*(own - head)) > 1.2 * TALL:
                continue
            down = own - head
            stands = down[1] > 0 and abs(np.degrees(np.arctan2(down[0], down[1]))) < 40
            people.append(body(head, own) if stands else Pose(body(own, head).xy, np.full(17, 0.2, np.float32), 0.18))
        return people


class UprightStream(Upright):
    """The same as a stream that works on a few pictures ahead."""

    def stream(self, images: Iterator[NDArray[np.uint8]]) -> Iterator[list[Pose]]:
        waiting: list[list[Pose]] = []
        for image in images:
            waiting.append(self.found(image))
            if len(waiting) > 5:
                yield waiting.pop(0)
        yield from waiting


class Unsure(Upright):
    """Sees people with little confidence, in crops hardly ever, and nobody in some pictures."""

    def found(self, image: NDArray[np.uint8]) -> list[Pose]:
        poses = [replace(pose, person_confidence=min(pose.person_confidence, 0.35)) for pose in super().found(image)]
        total = int(image[::3, ::3].sum())
        return poses if sorted(image.shape[:2]) == sorted(SIZE) or total % 7 == 0 else []


def middles(image: NDArray[np.uint8], channel: int) -> list[NDArray[np.float64]]:
    plane = image.astype(int)
    shown = (plane[..., channel] > 150) & (plane[..., 2 - channel] < 100) & (plane[..., 1] < 100)
    count, _, stats, centres = cv2.connectedComponentsWithStats(shown.astype(np.uint8))
    return [centres[n] for n in range(1, count) if stats[n, cv2.CC_STAT_AREA] >= 12]


def body(head: NDArray[np.float64], feet: NDArray[np.float64], confidence: float = 0.8) -> Pose:
    along = np.linspace(0, 1, 17)[:, None]
    across = np.where(np.arange(17) % 2, 1, -1)[:, None] * WIDE / 2
    side = np.array([-(feet - head)[1], (feet - head)[0]]) / max(np.hypot(*(feet - head)), 1.0)
    xy = head + along * (feet - head) + across * side
    return Pose(xy.astype(np.float32), np.full(17, confidence, np.float32), confidence)


def ends(figure: Figure) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y, degrees = figure
    up = np.array([np.sin(np.radians(degrees)), -np.cos(np.radians(degrees))]) * TALL / 2
    return np.array([x, y]) + up, np.array([x, y]) - up


def picture(figures: Sequence[Figure], size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    image = np.full((*size, 3), 30, np.uint8)
    for figure in figures:
        for end, colour in zip(ends(figure), ((255, 0, 0), (0, 0, 255)), strict=True):
            x, y = np.round(end).astype(int)
            image[y - 2 : y + 3, x - 2 : x + 3] = colour
    return image


def rotating(
    params: LabelParams = PARAMS, kind: type[Upright] = UprightStream
) -> tuple[RotatingBackend, list[tuple[int, int]]]:
    seen: list[tuple[int, int]] = []
    return RotatingBackend(lambda _: kind(seen), params), seen


def followed(
    film: Callable[[int], Sequence[Figure]], frames: int, kind: type[Upright] = UprightStream
) -> tuple[list[FramePoses], list[tuple[int, int]]]:
    backend, seen = rotating(kind=kind)
    return list(backend.follow(Frame(n, n / 25, picture(film(n))) for n in range(frames))), seen


def right(poses: Sequence[Pose], figures: Sequence[Figure], within_px: float = 1.5) -> bool:
    """True if these are the poses of exactly these figures, heads and feet where they belong."""
    if len(poses) != len(figures):
        return False
    return all(
        any(np.nanmax(np.abs(pose.xy - body(*ends(figure)).xy)) < within_px for pose in poses) for figure in figures
    )


def cost(seen: Sequence[tuple[int, int]]) -> float:
    """Pixels that the backend saw, in whole pictures; a crop counts as large as it is scaled for the network."""
    crop = (crop_long_edge(PARAMS.long_edge_px) / PARAMS.long_edge_px) ** 2 * SIZE[1] / SIZE[0]
    return sum(1.0 if sorted(shape) == sorted(SIZE) else crop for shape in seen)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, 65, 115])
@pytest.mark.parametrize("bystanders", [[], [(320, 120, 0)], [(320, 120, 0), (60, 60, 180)]])
def test_everybody_in_a_picture_is_found_whoever_stands_beside(degrees: float, bystanders: list[Figure]) -> None:
    figures = [(180, 120, degrees), *bystanders]
    (poses,) = rotating()[0].poses([picture(figures)])
    assert right(poses, figures)
    plain = Upright([]).poses([picture(figures)])[0]
    assert right(plain, figures) == (degrees == 0 and len(bystanders) < 2)


class Phantoms(Upright):
    """Sees a pattern of the background as somebody, in whole pictures on their side only."""

    def found(self, image: NDArray[np.uint8]) -> list[Pose]:
        there = body(np.array([100.0, 200.0]), np.array([100.0, 260.0]), 0.35)
        return super().found(image) + [there] * (image.shape[:2] == SIZE[::-1])


def test_what_only_whole_rotated_pictures_show_is_nobody() -> None:
    figures = [(300, 120, 0)]
    (poses,) = rotating(kind=Phantoms)[0].poses([picture(figures)])
    assert right(poses, figures)
    unchecked = RotatedPictures(Phantoms([]), None, 0.7)
    assert len(unchecked.poses([picture(figures)])[0]) == 3


def test_a_fallback_rotates_only_pictures_without_anybody_confident() -> None:
    backend = RotatedPictures(seeing := Upright([]), None, 0.5, fallback=True)
    assert right(backend.poses([picture([(200, 120, 90)])])[0], [(200, 120, 90)])
    assert len(seeing.seen) == 4
    assert len(backend.poses([picture([(100, 120, 90), (300, 120, 0)])])[0]) == 2
    assert len(seeing.seen) == 5


@pytest.mark.parametrize("kind", [Upright, UprightStream])
def test_people_who_stand_cost_four_frames_a_keyframe(kind: type[Upright]) -> None:
    def film(n: int) -> list[Figure]:
        return [(60 + n, 120, 0), (300, 120, 0)]

    frames = 2 * INTERVAL + 5
    found, seen = followed(film, frames, kind)
    assert [f.frame for f in found] == list(range(frames))
    assert all(right(f.poses, film(n)) for n, f in enumerate(found))
    assert len(seen) == frames + 3 * 3
    assert cost(seen[: 2 * INTERVAL]) <= 1.1 * 2 * INTERVAL


@pytest.mark.parametrize("bystanders", [0, 1])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_who_lies_costs_less_than_half_as_much_again(degrees: float, bystanders: int) -> None:
    def film(n: int) -> list[Figure]:
        return [(120 + 0.8 * n, 150, degrees), *[(330, 90, 0)] * bystanders]

    frames = 2 * INTERVAL
    found, seen = followed(film, frames)
    assert all(right(f.poses, film(n)) for n, f in enumerate(found))
    assert cost(seen) <= 1.5 * frames
    assert any(f.propagated for f in found)


def test_a_crowd_in_one_orientation_is_seen_in_whole_rotated_frames() -> None:
    figures: list[Figure] = [(60 + 140 * n, 200, 90) for n in range(3)] + [(60, 60, 0), (200, 60, 0)]
    found, seen = followed(lambda n: figures, INTERVAL)
    assert all(right(f.poses, figures) for f in found)
    assert sum(sorted(shape) == sorted(SIZE) for shape in seen) == 4 + 2 * (INTERVAL - 1)


@pytest.mark.parametrize("beside", [[], [(330, 90, 0)]])
def test_who_falls_or_gets_up_between_keyframes_is_turned_within_a_few_frames(beside: list[Figure]) -> None:
    def film(n: int) -> list[Figure]:
        falls = np.clip((n - 8) * 18, 0, 90)  # in a fifth of a second
        rises = np.clip((n - 28) * 18, 0, 90)
        return [(150, 120, float(falls - rises)), *beside]

    found, _ = followed(film, INTERVAL)
    wrong = [n for n, f in enumerate(found) if not right(f.poses, film(n))]
    assert all(9 <= n <= 20 or 28 <= n <= 44 for n in wrong)
    assert sum(n < 28 for n in wrong) <= 8
    assert sum(n >= 28 for n in wrong) <= 12


def test_who_comes_in_beside_somebody_lying_is_found_soon() -> None:
    def film(n: int) -> list[Figure]:
        return [(120, 180, 90)] + ([(330, 90, 0), (250, 90, 0)] if n >= 10 else [])

    found, _ = followed(film, 40)
    assert all(right(f.poses, film(n)) for n, f in enumerate(found) if not 10 <= n < 10 + WHOLE + BATCH)


def test_who_lies_and_leaves_is_given_up() -> None:
    def film(n: int) -> list[Figure]:
        return [(200, 120, 90)] if n < 10 else []

    found, seen = followed(film, INTERVAL)
    assert not any(f.poses for f in found[14:])
    assert cost(seen) <= 1.5 * INTERVAL


@pytest.mark.parametrize("begins", [0, 5])
def test_whom_the_network_hardly_believes_is_kept_while_nobody_else_is_there(begins: int) -> None:
    def film(n: int) -> list[Figure]:
        return [(150 + 0.4 * n, 120, 90 if n >= begins else 0)]

    found, seen = followed(film, INTERVAL, Unsure)
    assert sum(right(f.poses, film(n)) for n, f in enumerate(found)) >= INTERVAL - BATCH
    assert cost(seen) <= 2.5 * INTERVAL


def test_an_empty_room_costs_half_as_much_again() -> None:
    found, seen = followed(lambda _: [], 2 * INTERVAL)
    assert not any(f.poses for f in found)
    assert cost(seen) <= 1.5 * 2 * INTERVAL


def test_flickering_people_cannot_make_it_expensive() -> None:
    def film(n: int) -> list[Figure]:
        return [(60 + 70 * k, 120, 0) for k in range(5) if (n // 4 + k) % 3]

    found, seen = followed(film, INTERVAL)
    assert all(right(f.poses, film(n)) for n, f in enumerate(found))
    assert len(seen) <= 3 + INTERVAL + 3 * SEARCHES


@pytest.fixture(scope="module")
def film_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody walks, falls and stays down; another one lies from the beginning and leaves; a third comes in."""
    path = tmp_path_factory.mktemp("rotating") / "falls.mp4"
    with VideoWriter(path, 25.0, SIZE[1], SIZE[0], crf=1) as video:
        for n in range(70):
            people: list[Figure] = [(60 + 2.0 * min(n, 20), 120, float(np.clip((n - 20) * 18, 0, 90)))]
            people += [(320, 180, 270)] if n < 33 else []
            people += [(340, 60, 0)] if n >= 26 else []
            video.write(picture(people))
    return path


@pytest.mark.parametrize(
    "change", [{}, {"frame_stride": 3}, {"roi": (0.05, 0.1, 0.98, 1.0)}, {"threads": 5, "batch_frames": 3}]
)
@pytest.mark.parametrize("kind", [Upright, UprightStream, Unsure])
def test_poses_do_not_depend_on_where_a_video_is_cut(
    film_file: Path, change: dict[str, Any], kind: type[Upright]
) -> None:
    params = LabelParams.model_validate({"rotation": {"keyframe_interval": 16}, "threads": 1} | change)

    def found(span: FrameSpan | None) -> Iterator[tuple[int, bool, bytes]]:
        for each in stream_poses(film_file, rotating(params, kind)[0], params, span):
            yield each.frame, each.propagated, np.array([pose.xy for pose in each.poses], np.float32).tobytes()

    whole = list(found(None))
    assert len(whole) == len(range(0, 70, params.frame_stride))
    assert {crops for _, crops, _ in whole} == {True, False}
    for cuts in ([0, 7, None], [0, 17, 18, 24, None]):
        spans = [FrameSpan(start or 0, end) for start, end in pairwise(cuts)]
        assert [each for span in spans for each in found(span)] == whole


def test_poses_do_not_depend_on_threads_or_on_how_pictures_stream(film_file: Path) -> None:
    def found(kind: type[Upright], **change: Any) -> list[bytes]:
        params = PARAMS.model_copy(update=change)
        frames = stream_poses(film_file, rotating(params, kind)[0], params)
        return [np.array([pose.xy for pose in each.poses], np.float32).tobytes() for each in frames]

    assert isinstance(UprightStream([]), StreamingBackend)
    assert found(Upright) == found(UprightStream) == found(Upright, batch_frames=1) == found(Upright, threads=4)


@pytest.mark.parametrize("kind", [UprightStream, Unsure])
def test_a_live_stream_gets_the_poses_of_the_video(film_file: Path, kind: type[Upright]) -> None:
    estimator = PoseEstimator.from_backend(rotating(kind=kind)[0], PARAMS)
    live = estimator.live()
    frames = list(estimator.stream(film_file))
    assert any(frame.propagated for frame in frames)
    for frame, shown in zip(frames, read_frames(film_file), strict=True):
        people = sorted(frame.poses, key=lambda pose: -pose.person_confidence)
        for mine, other in zip(live(shown.image), people, strict=True):
            np.testing.assert_array_equal(mine.xy, other.xy)


def test_an_error_of_the_video_is_raised_after_the_frames_before_it() -> None:
    def broken() -> Iterator[Frame]:
        for n in range(6):
            yield Frame(n, n / 25, picture([(200, 120, 0)]))
        raise OSError("the end is unreadable")

    got = []
    with pytest.raises(OSError, match="unreadable"):
        got.extend(frame.frame for frame in rotating(kind=Upright)[0].follow(broken()))


def test_backends_for_crops_are_loaded_once_and_only_where_they_are_needed() -> None:
    loaded: list[int] = []

    def load(params: LabelParams) -> Upright:
        loaded.append(params.long_edge_px)
        return Upright([])

    backend = RotatingBackend(load, PARAMS)
    backend.poses([picture([(200, 120, 0)])])
    assert loaded == [385]
    for _ in range(2):
        backend.poses([picture([(200, 120, 90)])])
    assert loaded == [385, 209]
    wrapped = backend.through(lambda each: each)
    assert loaded == [385, 209, 385]
    assert right(wrapped.poses([picture([(200, 120, 180)])])[0], [(200, 120, 180)])


def test_rotation_names_the_labeller() -> None:
    described = rotating()[0].describe()
    assert described["rotation"]["keyframe_interval"] == INTERVAL
    other = LabelParams.model_validate({"rotation": {"keyframe_interval": 12}})
    off = LabelParams(rotation_fallback_threshold=0.0)
    names = {pose_fingerprint(rotating(p)[0].describe(), p) for p in (PARAMS, other, off)}
    assert len(names) == 3


@pytest.mark.parametrize("name", ["posenet", "posenet-one", "openpose", "movenet", "movenet-many"])
def test_every_backend_is_rotated_unless_told_otherwise(
    name: str, pose_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(pose_home))
    assert isinstance(PoseEstimator(name).backend, RotatingBackend)
    plain = PoseEstimator(name, rotation_fallback_threshold=0.0).backend
    assert not isinstance(plain, RotatingBackend)
    assert "rotation" not in plain.describe()


def test_other_wrappers_go_together_with_rotation(pose_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(pose_home))
    both = load_backend("posenet", LabelParams.model_validate({"tta": {"flip": True}}))
    assert {"rotation", "tta_flip"} <= set(both.describe())
    regions = load_backend("posenet", LabelParams.model_validate({"roi_propagation": {}}))
    assert isinstance(regions, RoiPropagatingBackend)
    assert regions.describe()["rotation"]["fallback"] is True
