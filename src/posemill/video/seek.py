"""Frame-accurate seeking: frames from the middle of a video have the number and time of a reading from its start."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from posemill.video.container import open_video
from posemill.video.packets import Extent

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# containers whose packets all carry the time at which they are shown, and codecs of one picture a packet
CONTAINERS = ("mov", "matroska")
CODECS = frozenset(["av1", "h264", "hevc", "libdav1d", "libvpx-vp9", "mjpeg", "mpeg4", "vp9"])
REORDERED = 32  # decoders hold back at most half as many pictures; more is a file whose times start again


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Index of the pictures of a container.

    stamps  (N,) int64, when each picture is shown, in units of `time_base` seconds; strictly increasing.
    keys    of every keyframe: when it is shown, and which timestamp to seek.
    extent  of the whole file.
    """

    stamps: NDArray[np.int64]
    time_base: Fraction
    keys: list[tuple[int, int]]
    extent: Extent

    def number(self, stamp: int | None) -> int | None:
        """Return the number of the picture with that timestamp; None where there is none."""
        if stamp is None:
            return None
        number = int(np.searchsorted(self.stamps, stamp))
        return number if number < len(self.stamps) and self.stamps[number] == stamp else None


def list_pictures(path: Path) -> Pictures | None:
    """List all pictures without decoding. None where the list does not number the frames that decoding would give.

    That is so for containers without a list, timestamps that are missing, doubled or start again, and videos that
    begin in the middle of something. The list of a file is kept, since a long video is read in many parts.
    """
    try:
        state = path.stat()
    except OSError:
        return None
    return _listed(path, state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _listed(path: Path, *_state: int) -> Pictures | None:
    from av.error import FFmpegError

    with open_video(path) as (container, stream, extent):
        if container.format.name.split(",")[0] not in CONTAINERS or stream.codec_context.name not in CODECS:
            return None
        by_display = container.format.name.startswith("matroska")  # in its index; the other's is in order of decoding
        stamps, hidden, keys = array("q"), array("b"), list[tuple[int, int]]()
        try:
            for packet in container.demux():
                if not extent.add(packet, stream):
                    continue
                if packet.pts is None or packet.is_corrupt or not (keys or packet.is_keyframe):
                    return None
                stamps.append(packet.pts)
                hidden.append(packet.is_discard)
                if packet.is_keyframe:
                    keys.append((packet.pts, packet.pts if by_display or packet.dts is None else packet.dts))
        except FFmpegError:
            return None
        coded = np.array(stamps, np.int64)
        if not _only_neighbours_swap(coded):
            return None
        return Pictures(np.sort(coded[np.array(hidden) == 0]), stream.time_base or Fraction(1), sorted(keys), extent)


def _only_neighbours_swap(coded: NDArray[np.int64]) -> bool:
    """True if timestamps in order of decoding begin with the first one and are those of one clock."""
    order = np.argsort(coded, kind="stable")
    return (
        len(coded) > 0
        and bool(order[0] == 0)
        and bool((np.diff(coded[order]) > 0).all())
        and bool((np.abs(order - np.arange(len(order))) <= REORDERED).all())
    )


def enter(
    container: InputContainer, stream: VideoStream, frames: Iterator[VideoFrame], pictures: Pictures, start: int
) -> Iterator[VideoFrame] | None:
    """Seek, and return the frames from number `start` on; None when what decodes there is not what was listed.

    frames: the decoded frames of the container, none of which was asked for yet.
    """
    from av.error import FFmpegError

    if start >= len(pictures.stamps):
        return None
    shown_at, seek_to = pictures.keys[bisect_right(pictures.keys, int(pictures.stamps[start]), key=_shown_at) - 1]
    number = int(np.searchsorted(pictures.stamps, shown_at))
    try:
        container.seek(seek_to, stream=stream)
    except FFmpegError:
        return None
    for frame in frames:
        if frame.pts is not None and frame.pts < shown_at:
            continue  # it leans on pictures before the keyframe, or the seek went further back
        if frame.pts != pictures.stamps[number]:
            return None
        if number == start:
            return chain([frame], frames)
        number += 1
    return None


def _shown_at(key: tuple[int, int]) -> int:
    return key[0]
