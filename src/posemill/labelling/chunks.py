"""Chunks: frame ranges of a long video that are labelled one at a time, and their poses in the pose store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from posemill.estimation.types import FramePoses, Pose
from posemill.pose.skeleton import Skeleton
from posemill.store.pose_file import ChunkPoses
from posemill.store.pose_store import Stretch

MIN_SHARE = 0.5  # of a chunk; a shorter rest belongs to the chunk before it


def chunk_frames(chunk_s: float, fps: float) -> int:
    """Return the number of frames of a chunk."""
    return max(1, round(chunk_s * fps))


def grid(frames: int, size: int, start: int = 0) -> list[Stretch]:
    """Split frames into ranges of `size` from `start` on; the last has no end, since counts may be a little wrong."""
    cuts = list(range(start, max(start + 1, frames), size))
    if len(cuts) > 1 and frames - cuts[-1] < MIN_SHARE * size:
        cuts.pop()
    return list(zip(cuts, [*cuts[1:], None], strict=True))


def chain(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Chain ranges that follow one another from the first frame to the end; empty when some are missing."""
    onward: dict[int, Stretch] = {}  # by its first frame, a stretch from which the end can be reached
    for stretch in sorted(stretches, key=lambda s: (-s[0], -_end(s))):
        if stretch[1] is None or stretch[1] in onward:
            onward.setdefault(stretch[0], stretch)
    found: list[Stretch] = []
    at: int | None = 0
    while at is not None:
        if at not in onward:
            return []
        found.append(onward[at])
        at = onward[at][1]
    return found


def cover(stored: Iterable[Stretch], frames: int, size: int) -> list[tuple[Stretch, bool]]:
    """Cover a medium from its first frame to its end by stored ranges (True) and ranges to label in between (False).

    Stored ranges may have been split with another size.
    """
    by_start = {stretch[0]: stretch for stretch in sorted(stored, key=_end)}
    covered: list[tuple[Stretch, bool]] = []
    at: int | None = 0
    while at is not None:
        if at in by_start:
            covered.append((by_start[at], True))
        else:
            following = min((start for start in by_start if start > at), default=None)
            gap = grid(frames if following is None else following, size, at)
            gap[-1] = (gap[-1][0], following)
            covered += [(stretch, False) for stretch in gap]
        at = covered[-1][0][1]
    return covered


def chunk_of_frames(
    frames: Sequence[FramePoses],
    medium: str,
    fingerprint: str,
    stretch: Stretch,
    skeleton: Skeleton,
    size_px: tuple[int, int],
    duration_s: float,
) -> ChunkPoses:
    """Pack frames into a chunk of the pose store. size_px: width and height of the medium; duration_s: of all of it."""
    poses, k = [pose for frame in frames for pose in frame.poses], len(skeleton)
    depth = [pose.z for pose in poses if pose.z is not None]
    return ChunkPoses(
        medium=medium,
        fingerprint=fingerprint,
        start=stretch[0],
        end=stretch[1],
        skeleton=skeleton,
        width_px=size_px[0],
        height_px=size_px[1],
        duration_s=duration_s,
        frame=np.array([frame.frame for frame in frames], np.int32),
        time_s=np.array([frame.time_s for frame in frames], np.float64),
        people=np.array([len(frame.poses) for frame in frames], np.int32),
        person_confidence=np.array([pose.person_confidence for pose in poses], np.float64),
        xy=np.array([pose.xy for pose in poses], np.float32).reshape(-1, k, 2),
        confidence=np.array([pose.confidence for pose in poses], np.float32).reshape(-1, k),
        propagated=np.array([frame.propagated for frame in frames], np.bool_)
        if any(f.propagated for f in frames)
        else None,
        z=np.array(depth, np.float32) if depth and len(depth) == len(poses) else None,
    )


def frames_of_chunk(chunk: ChunkPoses) -> Iterator[FramePoses]:
    """Unpack a chunk into the frames that it was made of."""
    first = np.concatenate([[0], np.cumsum(chunk.people)])
    for number, (frame, time_s) in enumerate(zip(chunk.frame.tolist(), chunk.time_s.tolist(), strict=True)):
        people = range(first[number], first[number + 1])
        propagated = chunk.propagated is not None and bool(chunk.propagated[number])
        yield FramePoses(frame, time_s, [_pose(chunk, n) for n in people], propagated)


def _pose(chunk: ChunkPoses, number: int) -> Pose:
    z = None if chunk.z is None else chunk.z[number]
    return Pose(chunk.xy[number], chunk.confidence[number], float(chunk.person_confidence[number]), z)


def _end(stretch: Stretch) -> float:
    return float("inf") if stretch[1] is None else stretch[1]
