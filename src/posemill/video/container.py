"""Containers of untrusted videos: one regular file, formats and codecs on an allow-list, nothing else is opened."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import UnreadableMedia
from posemill.video.avi import is_whole_avi
from posemill.video.packets import Extent

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# containers of folders of videos, and sound files, whose owners are told that they are sound; no playlists, no picture
# lists, no subtitles and no session descriptions: those name other files and addresses
_FORMATS = """
mov matroska avi mpegts mpeg mpegvideo m4v mjpeg flv asf ogg wav mp3 flac
"""
# codecs that cameras, phones, editors and archives write; hundreds of decoders of old games and screens are left out,
# since each is code that an untrusted file could exploit
_CODECS = """
h261 h263 h263i h263p h264 hevc vvc vp6 vp6a vp6f vp8 vp9 libvpx libvpx-vp9 av1 libdav1d theora
mpeg1video mpeg2video mpegvideo mpeg4 msmpeg4v1 msmpeg4v2 msmpeg4 wmv1 wmv2 wmv3 vc1 flv mjpeg
mjpegb dvvideo prores dnxhd cfhd ffv1 huffyuv ffvhuff utvideo rawvideo v210 cinepak indeo3 indeo4
indeo5 svq1 svq3 msvideo1
"""
FORMATS, CODECS = tuple(_FORMATS.split()), tuple(_CODECS.split())
JPEG = b"\xff\xd8\xff"
MAX_PIXELS = 8192 * 8192  # 8K and its full domes; a picture is then 200 MB of RGB at most
MAX_STREAMS = 64
ANSWER_S = 30.0  # for one reading of the file; a disk that is asleep wakes in less

_KINDS = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
_REFUSALS = {
    errno.ENOENT: "is not a file: it was moved or deleted",
    errno.ELOOP: "is not a file: its links lead in a circle",
    errno.EACCES: "may not be read by this user: check its permissions",
    errno.EPERM: "may not be read by this user: check its permissions",
    errno.ENXIO: "is not a file but a socket or an unused pipe",
    errno.ENAMETOOLONG: "is not a file: its name is too long",
}


@contextmanager
def open_file(path: Path) -> Iterator[int]:
    """Open a regular file for reading and yield its descriptor. A pipe is refused, not waited for.

    Errors: UnreadableMedia that says why there is no file that can be read.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        says = "is a link to nothing" if exc.errno == errno.ENOENT and path.is_symlink() else None
        says = says or _REFUSALS.get(exc.errno or 0) or f"cannot be opened: {exc.strerror}"
        raise UnreadableMedia(f"{path} {says}") from exc
    try:
        mode = os.fstat(number).st_mode
        if not stat.S_ISREG(mode):
            kind = next((name for test, name in _KINDS if test(mode)), "a device")
            raise UnreadableMedia(f"{path} is not a file but {kind}")
        yield number
    finally:
        os.close(number)


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream, Extent]]:
    """Open a video: container, first video stream and an Extent to count into. UnreadableMedia where there is none."""
    import av

    with open_file(path) as number, _opened(number, path) as container:
        stream = max((s for s in container.streams.video if not _is_cover(s)), key=_rank, default=None)
        if stream is None:
            what = "only audio" if container.streams.audio else "no video stream"
            raise UnreadableMedia(f"{path.name} has {what}")
        if stream.codec_context is None:
            raise UnreadableMedia(f"{path.name} holds pictures in an encoding that cannot be decoded here")
        if stream.codec_context.name not in CODECS:
            raise UnreadableMedia(
                f"{path.name} holds pictures in an encoding that is not read here ({stream.codec_context.name}): "
                "write it as H.264"
            )
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > MAX_PIXELS:
            raise UnreadableMedia(
                f"{path.name} announces pictures of {width}x{height}, more than {MAX_PIXELS // 10**6} million pixels"
            )
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}  # the pictures may say something else
        seconds = max(0, container.duration or 0) / av.time_base
        whole = container.format.name == "avi" and is_whole_avi(number)
        yield container, stream, Extent(path, stream.frames, seconds, whole=whole)


def _opened(number: int, path: Path) -> InputContainer:
    """The container behind a descriptor. Given no name, and no other protocol, it can open nothing else."""
    import av

    if os.fstat(number).st_size == 0:
        raise UnreadableMedia(f"{path.name} is empty (0 bytes)")
    allowed = {
        "fd": str(number),
        "protocol_whitelist": "fd",
        "format_whitelist": ",".join(FORMATS),
        "codec_whitelist": ",".join(CODECS),
    }
    try:
        return av.open(
            "fd:",
            format="mjpeg" if os.pread(number, 3, 0) == JPEG else None,  # else pictures with EXIF are each a file
            container_options=allowed | {"max_streams": str(MAX_STREAMS)},
            options={"max_pixels": str(MAX_PIXELS)},
            timeout=ANSWER_S,
            metadata_errors="ignore",  # tags in old encodings are common and nothing here reads them
        )
    except av.error.FFmpegError as exc:
        raise UnreadableMedia(f"{path.name} {_why(exc)}") from exc


def _why(exc: Exception) -> str:
    """Explain an error of opening."""
    from av import error

    if isinstance(exc, error.ArgumentError):
        return f"is not a video in a format that is read here ({', '.join(FORMATS[:11])})"
    if isinstance(exc, error.MemoryError):
        return f"is not a usual video: it asks for too much memory, or for more than {MAX_STREAMS} streams"
    if isinstance(exc, error.ExitError):
        return f"cannot be read: its storage did not answer within {ANSWER_S:g} s"
    return f"is not a video, or its header is cut off: {getattr(exc, 'strerror', exc)}"


def _is_cover(stream: VideoStream) -> bool:
    """Music files carry their cover as a video stream of one picture, videos a few of their own as thumbnails."""
    from av.stream import Disposition

    return bool(stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails))


def _rank(stream: VideoStream) -> tuple[bool, int, bool]:
    """Key of a stream by which the recording is the greatest: of those that can be decoded the one of largest pictures,
    since smaller ones are its thumbnails, proxies and insets; of equal ones the default.
    """
    from av.stream import Disposition

    codec = stream.codec_context
    if codec is None:
        return False, 0, False
    return codec.name in CODECS, codec.width * codec.height, bool(stream.disposition & Disposition.default)
