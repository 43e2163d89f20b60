"""Types of pose estimation: poses of a picture, poses of a frame, and the interfaces of pose backends."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    from posemill.video.decode import Frame

Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """One person's keypoints in one frame.

    xy          (K, 2) float32, pixels of the given picture, origin top-left; NaN = not seen.
    confidence  (K,) float32, 0..1; 0 where not seen.
    person_confidence  0..1, the backend's own figure for the whole person.
    z           (K,) float32, depth away from the camera in pixels as x and y, from the middle of the hips where the
                backend knows no distance; NaN = not seen; None = 2-D.
    """

    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    person_confidence: float
    z: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FramePoses:
    """Poses of everybody in one frame of a video, before tracking.

    frame       number of the frame in the video, from 0.
    time_s      seconds from the first frame.
    propagated  the network ran on the region of the people in the frame before only, see roi_propagation.py.
    """

    frame: int
    time_s: float
    poses: Sequence[Pose]
    propagated: bool = False


@dataclass(frozen=True, slots=True)
class FrameSpan:
    """Frames of a video from `start` to before `end` (None: to its end)."""

    start: int = 0
    end: int | None = None


class PoseSettings(Protocol):
    """Thresholds of a pose network's decoder; the label section of params.yaml has them and describes them."""

    @property
    def long_edge_px(self) -> int:
        """Longer side given to the network; 16n + 1."""
        ...

    @property
    def instance_threshold(self) -> float:
        """Person confidence under which people are dropped."""
        ...

    @property
    def keypoint_threshold(self) -> float:
        """Confidence under which a keypoint is not seen."""
        ...

    @property
    def seed_threshold(self) -> float:
        """Confidence of a person's first keypoint."""
        ...


class PoseBackend(Protocol):
    """A pose network with its decoder: pictures to poses."""

    skeleton: Skeleton

    def describe(self) -> dict[str, Any]:
        """Return everything that changes keypoints (backend, checkpoint digest, code, parameters), as JSON values."""
        ...

    def poses(self, images: Sequence[Image]) -> list[list[Pose]]:
        """Return the poses of every picture. images: (H, W, 3) uint8 RGB, any size."""
        ...


@runtime_checkable
class StreamingBackend(Protocol):
    """A PoseBackend that works on several pictures at once, without waiting for a full batch."""

    def stream(self, images: Iterable[Image]) -> Iterator[Sequence[Pose]]:
        """Yield the poses of every picture, in order. Takes no more pictures ahead than it is working on."""
        ...


@runtime_checkable
class PropagatingBackend(Protocol):
    """A PoseBackend that uses the poses of the frames before, and so reads successive frames of a video."""

    def begins(self, span: FrameSpan) -> int:
        """Return the frame from which to read, so that the poses of the span do not depend on where it was cut."""
        ...

    def follow(self, frames: Iterator[Frame]) -> Generator[FramePoses, None, None]:
        """Yield the poses of successive frames, of which the first one's number is from `begins`."""
        ...


@runtime_checkable
class LiveBackend(Protocol):
    """A PropagatingBackend that also poses frames one by one, without frames ahead."""

    def one_by_one(self) -> Callable[[Image], list[Pose]]:
        """Return a function that poses successive frames of one live stream."""
        ...


@runtime_checkable
class CroppingBackend(Protocol):
    """A PoseBackend with a quicker way for pictures that are crops around one person."""

    def for_crops(self) -> PoseBackend:
        """Return the backend for such pictures."""
        ...
