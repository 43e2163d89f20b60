"""ROI propagation: runs the network on the region of the previous frame's people, and on whole keyframes.

A keyframe comes every few frames, and whenever the region is not enough. Frames go in groups that begin with a
keyframe, at frame numbers that do not depend on where a reading starts; nothing passes from one group to the next. So
poses are the same however a video is cut, and groups run beside each other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.estimation.fingerprint import pose_code
from posemill.estimation.prefetch import mapped
from posemill.estimation.preprocess import MULTIPLE, place
from posemill.estimation.region import Region
from posemill.estimation.types import FramePoses, FrameSpan, Pose, PoseBackend
from posemill.params.label import LabelParams
from posemill.pose.oks import box_area, oks

if TYPE_CHECKING:
    from posemill.video.decode import Frame

STEPS = 4  # sizes of a side of the network's input: quarters of a keyframe's
MIN_SIDE_PX = 97  # of such a side: networks see best with something around the people
MAX_AREA = 0.8  # of a keyframe's pixels; a larger region is not worth it
MIN_OKS = 0.3  # from which a pose is of somebody seen in the frame before
LOOSE = 4.0  # OKS is made for stills; a moving person is compared as if larger, as in tracking
KEPT = 8  # backends for regions; pictures of one shape have regions of up to seven sizes
BORDER_PX = 4  # of the network's input: a person this near to the border may reach beyond it
Image = NDArray[np.uint8]


class RoiPropagatingBackend:
    """See PoseBackend, whose `poses` takes every picture whole. `follow` poses the frames of a video.

    load  makes the backend for some parameters.
    """

    def __init__(self, load: Callable[[LabelParams], PoseBackend], params: LabelParams) -> None:
        assert params.roi_propagation is not None
        self._load, self._params, self._roi = load, params, params.roi_propagation
        self._loading = threading.Lock()
        self._full = self._loaded(params.long_edge_px)
        self._at = lru_cache(KEPT)(self._loaded)
        self.skeleton = self._full.skeleton

    def through(self, wrap: Callable[[PoseBackend], PoseBackend]) -> RoiPropagatingBackend:
        """Return the same with every backend wrapped."""
        return RoiPropagatingBackend(lambda params: wrap(self._load(params)), self._params)

    def describe(self) -> dict[str, Any]:
        """See PoseBackend."""
        return {**self._full.describe(), "roi_propagation": {**self._roi.model_dump(), "code": pose_code(__name__)}}

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        """See PoseBackend."""
        return self._full.poses(images)

    def begins(self, span: FrameSpan) -> int:
        """See PropagatingBackend: the keyframe at or before the span."""
        group = self._roi.keyframe_interval * self._params.frame_stride
        return span.start // group * group

    def follow(self, frames: Iterator[Frame]) -> Generator[FramePoses, None, None]:
        """See PropagatingBackend."""
        group = self._roi.keyframe_interval * self._params.frame_stride
        groups = (list(same) for _, same in groupby(frames, lambda frame: frame.index // group))
        threads = self._params.threads  # and no group waits: its pictures are as large as they were filmed
        with (
            ThreadPoolExecutor(threads, thread_name_prefix="posemill-group") as pool,
            closing(mapped(pool, self._group, groups, threads)) as found,
        ):
            for frame_poses in found:
                yield from frame_poses

    def _group(self, frames: Sequence[Frame]) -> list[FramePoses]:
        found: list[FramePoses] = []
        for frame in frames:
            before = found[-1].poses if found else ()
            poses = self._in_region(frame.image, before) if before else None
            propagated = poses is not None
            if poses is None:
                (poses,) = self._full.poses([frame.image])
            found.append(FramePoses(frame.index, frame.time_s, poses, propagated))
        return found

    def _in_region(self, image: Image, people: Sequence[Pose]) -> list[Pose] | None:
        """Poses in the region around these people; None where the whole frame is needed."""
        scale_px = (max(image.shape[:2]) - 1) / (self._params.long_edge_px - 1)
        region = region_around(people, image.shape[:2], self._params.long_edge_px, self._roi.margin)
        if region is None:
            return None
        crop = region.crop(image)
        side_px = input_side(max(crop.shape[:2]), scale_px)
        found = region.to_image(self._backend(side_px).poses([crop])[0])
        if _reaches_out(found, region, image.shape[:2], BORDER_PX * scale_px) or not self._all_found(people, found):
            return None
        return found

    def _all_found(self, people: Sequence[Pose], found: Sequence[Pose]) -> bool:
        if not found:
            return False
        now = np.stack([pose.xy for pose in found])
        for person in people:
            area = LOOSE * max(float(box_area(person.xy)), 1.0)
            common = np.where(np.isnan(now), np.float32("nan"), person.xy)
            if np.nan_to_num(oks(now, common, area, self.skeleton)).max() < MIN_OKS:
                return False
        return True

    def _backend(self, long_edge_px: int) -> PoseBackend:
        if long_edge_px == self._params.long_edge_px:
            return self._full
        with self._loading:
            return self._at(long_edge_px)

    def _loaded(self, long_edge_px: int) -> PoseBackend:
        return self._load(self._params.model_copy(update={"long_edge_px": long_edge_px, "roi_propagation": None}))


def input_side(side_px: int, scale_px: float) -> int:
    """Return the side of the network's input for a region's side, with `scale_px` of the picture's pixels on one of it.

    16n + 1 where the region was cropped for so many: whole pixels of the picture make it a little less, and not always
    the same, and every length costs a backend. Any other length stays, so that people are as large as in a keyframe.
    """
    exact = 1 + round((side_px - 1) / scale_px)
    whole = -(-(exact - 1) // MULTIPLE) * MULTIPLE + 1
    return whole if (whole - exact) * min(scale_px, 1) <= 1 else exact


def region_around(people: Sequence[Pose], size: tuple[int, int], long_edge_px: int, margin: float) -> Region | None:
    """Return the region of a picture with these people in it, and `margin` of each one's longer side around them.

    size  height and width of the picture; the region has as many of its pixels as one of a few sizes of the network's
    input has at the scale of a keyframe. None where that is hardly less than the picture.
    """
    full = place(*size, long_edge_px)
    scale = (max(size) - 1) / (long_edge_px - 1)
    boxes = [_box(pose.xy, margin) for pose in people if not np.isnan(pose.xy).all()]
    if not boxes:
        return None
    last = np.array([size[1] - 1, size[0] - 1])
    low = np.floor(np.min([box[0] for box in boxes], axis=0)).clip(0, last).astype(int).tolist()
    high = np.ceil(np.max([box[1] for box in boxes], axis=0)).clip(0, last).astype(int).tolist()
    sides = [_side(1 + (high[i] - low[i]) / scale + MULTIPLE, full.sides[1 - i]) for i in (0, 1)]
    if sides[0] * sides[1] > MAX_AREA * full.sides[0] * full.sides[1]:
        return None
    corners = []
    for i, whole in ((0, size[1]), (1, size[0])):
        length = min(whole, 1 + int((sides[i] - 1) * scale))
        start = _start(max(0, high[i] + 1 - length), min(low[i], whole - length), scale, full.offset[i])
        corners.append((start, start + length))
    return Region(corners[0][0], corners[1][0], corners[0][1], corners[1][1])


def _side(least_px: float, full_px: int) -> int:
    """The smallest of the few sides, 16n + 1, that has so many pixels."""
    steps = (-(-(full_px - 1) * n // (STEPS * MULTIPLE)) * MULTIPLE + 1 for n in range(1, STEPS))
    return next((step for step in steps if MIN_SIDE_PX <= step < full_px and step >= least_px), full_px)


def _start(first: int, last: int, scale: float, offset: int) -> int:
    """Start of a region, from `first` to `last`: near the middle, so that cells lie as in a keyframe if they can.

    Networks with cells of 16 pixels find a small person elsewhere when the person lies otherwise in them.
    """
    middle = (first + last) // 2
    cells = (middle / scale + offset) // MULTIPLE
    starts = [round((MULTIPLE * n - offset) * scale) for n in (cells, cells + 1)]
    return min((s for s in starts if first <= s <= last), key=lambda s: abs(s - middle), default=middle)


def _box(xy: NDArray[np.float32], margin: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    more = np.float32(margin) * (high - low).max()
    return low - more, high + more


def _reaches_out(poses: Sequence[Pose], region: Region, size: tuple[int, int], near_px: float) -> bool:
    """True if a keypoint lies at a border of the region that is none of the picture."""
    xy = np.concatenate([pose.xy for pose in poses]) if poses else np.zeros((0, 2), np.float32)
    x, y = xy[~np.isnan(xy).any(-1)].T
    return bool(
        (region.left > 0 and (x < region.left + near_px).any())
        or (region.top > 0 and (y < region.top + near_px).any())
        or (region.right < size[1] and (x > region.right - 1 - near_px).any())
        or (region.bottom < size[0] and (y > region.bottom - 1 - near_px).any())
    )
