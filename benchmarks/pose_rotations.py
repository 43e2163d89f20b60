"""Pose accuracy of people in every orientation: annotated photos rotated by 0, 90, 180 and 270 degrees.

Every photo is also composed with a rendered bystander who stands beside it. Time is taken on rendered videos: somebody
upright, somebody who lies, and somebody who lies beside somebody upright, with rotation and without, in turns.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from coco_keypoints import Photo, by_name
from posemill.estimation.accuracy import best_pairs
from posemill.estimation.estimator import PoseEstimator
from posemill.pose.skeleton import COCO_17
from posemill.synth.corpus import Plan, stage
from posemill.video.encode import VideoWriter

Image = NDArray[np.uint8]
DEGREES = (0, 90, 180, 270)
STANDS = Plan(seed=5, subject=1, activity="wave", take=0)
GREY = 127
FRAMES, FPS, ROOM = 96, 25.0, (360, 640)  # of the videos; height and width
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Rotated:
    """Mean OKS of photos in the four orientations, and of the upright photos without rotation."""

    bystander: bool
    plain: float
    mean_oks: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Mean OKS at 90, 180 and 270 degrees over the upright figure: with rotation or without, the higher one."""
        return tuple(value / max(self.mean_oks[0], self.plain) for value in self.mean_oks[1:])


@dataclass(frozen=True, slots=True)
class Pace:
    """Milliseconds a frame of a video, without rotation and with it: elapsed and of processor time."""

    video: str
    plain_ms: float
    rotating_ms: float
    plain_cpu_ms: float
    rotating_cpu_ms: float

    @property
    def times(self) -> float:
        """Elapsed time with rotation over that without."""
        return self.rotating_ms / self.plain_ms

    @property
    def cpu_times(self) -> float:
        """Processor time with rotation over that without."""
        return self.rotating_cpu_ms / self.plain_cpu_ms


def accuracy(plain: PoseEstimator, rotating: PoseEstimator, every: Sequence[tuple[Photo, Image]]) -> list[Rotated]:
    """Measure both estimators, without the bystander and with."""
    rows = []
    for beside in (None, bystander()):
        found = [
            np.concatenate([_oks(estimator, photo, image, by, beside) for photo, image in every]).mean()
            for estimator, by in ((plain, 0), *((rotating, degrees // 90) for degrees in DEGREES))
        ]
        rows.append(Rotated(beside is not None, float(found[0]), tuple(float(value) for value in found[1:])))
    return rows


def bystander() -> Image:
    """A rendered person who stands and waves, without the room beside."""
    image = next(stage(STANDS).images())
    return np.ascontiguousarray(image[:, image.shape[1] // 12 : -image.shape[1] // 5])


def composed(image: Image, beside: Image | None) -> tuple[Image, NDArray[np.float32]]:
    """The picture in a grey square, whatever its orientation, and the bystander on the right; where its corner is."""
    height, width = image.shape[:2]
    side = max(height, width)
    square = np.full((side, side, 3), GREY, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = image
    if beside is not None:
        scaled = cv2.resize(
            beside, (round(beside.shape[1] * side / beside.shape[0]), side), interpolation=cv2.INTER_AREA
        )
        square = np.concatenate([square, scaled], 1).astype(np.uint8)
    return square, np.array([left, top], np.float32)


def rotated_xy(xy: NDArray[np.float32], quarter_turns: int, size: tuple[int, int]) -> NDArray[np.float32]:
    """(..., 2) pixels of a picture of this height and width to those of np.rot90(picture, quarter_turns)."""
    x, y = xy[..., 0], xy[..., 1]
    height, width = size
    there = ((x, y), (y, width - 1 - x), (width - 1 - x, height - 1 - y), (height - 1 - y, x))[quarter_turns % 4]
    return np.stack(there, -1).astype(np.float32)


def _oks(estimator: PoseEstimator, photo: Photo, image: Image, turns: int, beside: Image | None) -> NDArray[np.float64]:
    truth = rotated_xy(photo.xy, turns, (image.shape[0], image.shape[1]))
    shown = np.ascontiguousarray(np.rot90(image, turns))
    if beside is not None:
        shown, corner = composed(shown, beside)
        truth = truth + corner
    found = [by_name(pose, estimator.skeleton) for pose in estimator.predict([shown])[0]]
    xy = np.stack(found) if found else np.empty((0, 17, 2), np.float32)
    return best_pairs(xy, truth, photo.area_px2, COCO_17)[0]


def paces(plain: PoseEstimator, rotating: PoseEstimator) -> list[Pace]:
    """Time both estimators on the rendered videos, in turns; the quickest of a few runs counts."""
    with tempfile.TemporaryDirectory() as folder:
        return [pace(plain, rotating, path) for path in videos(Path(folder))]


def pace(plain: PoseEstimator, rotating: PoseEstimator, path: Path) -> Pace:
    """Time both on one video."""
    runs: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(1 + REPEATS):  # the first compiles networks for the sizes of this video
        for turned, estimator in ((False, plain), (True, rotating)):
            started, cpu = time.perf_counter(), time.process_time()
            frames = sum(1 for _ in estimator.stream(path))
            spent = time.perf_counter() - started, time.process_time() - cpu
            runs[turned].append((1000 * spent[0] / frames, 1000 * spent[1] / frames))
    best = {turned: np.min(each[1:], axis=0).tolist() for turned, each in runs.items()}
    return Pace(path.stem, best[False][0], best[True][0], best[False][1], best[True][1])


def videos(folder: Path) -> Iterator[Path]:
    """Write the rendered videos: somebody in a room, upright, lying, and lying beside somebody upright."""
    for name, lies, beside in (("upright", False, False), ("lying", True, False), ("lying_and_upright", True, True)):
        path = folder / f"{name}.mp4"
        with VideoWriter(path, FPS, ROOM[1], ROOM[0]) as video:
            images = list(stage(STANDS).images())
            for n in range(FRAMES):
                video.write(_in_room(images[n % len(images)], lies, beside))
        yield path


def _in_room(image: Image, lies: bool, beside: bool) -> Image:
    room = np.full((*ROOM, 3), image[2, 2], np.uint8)
    shown = np.rot90(image) if lies else image
    height, width = shown.shape[:2]
    room[ROOM[0] - height - 10 : ROOM[0] - 10, 30 : 30 + width] = shown
    if beside:
        room[20 : 20 + image.shape[0], ROOM[1] - image.shape[1] - 20 : ROOM[1] - 20] = image
    return room


def show(rows: Sequence[Rotated], times: Sequence[Pace]) -> None:
    """Print the tables."""
    print(f"{'mean OKS':20} without" + "".join(f"{degrees:>7}°" for degrees in DEGREES) + "   over the upright figure")
    for row in rows:
        cells = "".join(f"{value:8.3f}" for value in row.mean_oks)
        ratios = " ".join(f"{value:.3f}" for value in row.ratios)
        print(f"{'with a bystander' if row.bystander else 'alone':20} {row.plain:7.3f}{cells}   {ratios}")
    print(f"{'ms a frame':20} without   with  times  (processor time: without, with, times)")
    for each in times:
        print(
            f"{each.video:20} {each.plain_ms:7.1f} {each.rotating_ms:6.1f} {each.times:6.2f}  "
            f"({each.plain_cpu_ms:.1f} {each.rotating_cpu_ms:.1f} {each.cpu_times:.2f})"
        )


def flat(rows: Sequence[Rotated], times: Sequence[Pace]) -> dict[str, float]:
    """All figures by name."""
    figures: dict[str, float] = {}
    for row in rows:
        kind = "bystander" if row.bystander else "alone"
        figures[f"{kind}_plain_oks"] = round(row.plain, 4)
        figures |= {f"{kind}_oks_{d}": round(v, 4) for d, v in zip(DEGREES, row.mean_oks, strict=True)}
        figures |= {f"{kind}_ratio_{d}": round(v, 4) for d, v in zip(DEGREES[1:], row.ratios, strict=True)}
    for each in times:
        figures[f"times_{each.video}"] = round(each.times, 3)
        figures[f"cpu_times_{each.video}"] = round(each.cpu_times, 3)
    return figures
