"""Cameras and network streams, through OpenCV: frames stamped when they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2

from posemill.errors import InputError, Unavailable
from posemill.video.decode import Frame

TOLERANCE_S = 2e-3  # frames come a little early
ASSUMED_FPS = 30.0  # cameras that do not say; frames carry their true time all the same


def is_live(source: str) -> bool:
    """True for a camera's number and for a URL; False for a file's path.

    Examples:
        >>> [is_live(source) for source in ("0", "rtsp://camera.local/live", "clip.mp4")]
        [True, True, False]
    """
    return source.isdigit() or "://" in source


def require_source(source: str) -> None:
    """Check that a source can be one. Errors: InputError for a file that is not there."""
    if not is_live(source) and not Path(source).exists():
        raise InputError(f"{source} is neither a camera's number, a URL nor a file")


def redacted_source(source: str) -> str:
    """Return the source without user, password and query, since it goes into the database and into reports.

    Examples:
        >>> redacted_source("rtsp://ann:secret@camera.local:554/live?token=x")
        'rtsp://camera.local:554/live'
    """
    if source.isdigit():
        return f"camera {source}"
    if "://" not in source:
        return Path(source).name
    from urllib.parse import urlsplit

    parts = urlsplit(source)
    host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    return f"{parts.scheme}://{host}{parts.path}"


class Camera:
    """An opened camera (its number), network stream (URL) or file, for the length of a `with`.

    timeout_s  a network stream that gives nothing for so long ends; None = as OpenCV has it, 30 s.
    Errors: Unavailable when the source does not open; InputError when it is none of the three.
    """

    def __init__(
        self, source: str, clock: Callable[[], float] = time.monotonic, timeout_s: float | None = None
    ) -> None:
        self.source, self.live, self._clock = source, is_live(source), clock
        self._capture = _open(source, timeout_s)

    @property
    def fps(self) -> float:
        """Frames a second as the source says; 30 where it says nothing that can be."""
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        return fps if 1 <= fps <= 240 else ASSUMED_FPS

    def frames(self) -> Iterator[Frame]:
        """Yield every frame until the source ends. Live frames are stamped when they come, those of a file by it."""
        begin: float | None = None
        number = 0
        while True:
            read, image = self._capture.read()
            if not read:
                return
            at = self._clock() if self.live else self._file_time(number)
            begin = at if begin is None else begin
            yield Frame(number, at - begin, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            number += 1

    def sampled_frames(self, rate_hz: float) -> Iterator[Frame]:
        """Yield at most so many frames a second, evenly; those between are decoded and not made RGB.

        The numbers count all frames of the source.
        """
        begin: float | None = None
        number, due_s = 0, 0.0
        while self._capture.grab():
            at = self._clock() if self.live else self._file_time(number)
            begin = at if begin is None else begin
            time_s = at - begin
            if time_s >= due_s - TOLERANCE_S:
                due_s = max(due_s + 1 / rate_hz, time_s - 1 / rate_hz)
                read, image = self._capture.retrieve()
                if not read:
                    return
                yield Frame(number, time_s, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            number += 1

    def newest_frames(self) -> Iterator[Frame]:
        """Yield the newest frame each time one is asked for: frames that came meanwhile are dropped, as `dropped` says.

        The network may be slower than the camera; what it gets is never old.
        """
        return newest(self.frames())

    def _file_time(self, number: int) -> float:
        stamp = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        return stamp if stamp > 0 or number == 0 else number / self.fps

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._capture.release()


def newest(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Read frames in a thread and yield the newest each time one is asked for. An error of the source is raised here.

    The numbers of the frames tell which were dropped.
    """
    box: list[Frame] = []
    failed: list[BaseException] = []
    changed, ended, closed = threading.Condition(), threading.Event(), threading.Event()

    def read() -> None:
        try:
            for frame in frames:
                with changed:
                    box[:] = [frame]
                    changed.notify()
                if closed.is_set():
                    break
        except BaseException as exc:
            failed.append(exc)
        finally:
            ended.set()
            with changed:
                changed.notify()

    reader = threading.Thread(target=read, name="posemill-camera", daemon=True)
    reader.start()
    try:
        while True:
            with changed:
                while not box and not ended.is_set():
                    changed.wait()
                if not box:
                    break
                frame = box.pop()
            yield frame
        if failed:
            raise failed[0]
    finally:
        closed.set()
        reader.join(timeout=5)


def _open(source: str, timeout_s: float | None) -> Any:
    require_source(source)
    capture = cv2.VideoCapture(int(source)) if source.isdigit() else _opened(source, timeout_s)
    if not capture.isOpened():
        capture.release()
        raise Unavailable(f"{redacted_source(source)} does not open: is it connected, allowed and not in use?")
    return capture


def _opened(source: str, timeout_s: float | None) -> Any:
    if not is_live(source):
        return cv2.VideoCapture(source)
    if timeout_s is None:  # of all that OpenCV has for a URL only FFmpeg does not print it, with its password
        return cv2.VideoCapture(source, cv2.CAP_FFMPEG)
    timeout_ms = round(1000 * timeout_s)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
