"""WebSocket /live: keypoints or JPEG frames in, predictions out as soon as a window is seen, then every stride.

A client says first which keypoints come, {"skeleton": "coco-17"} or {"keypoints": [names]}, then sends a pose a
message, {"time_s", "xy": [[x, y] or nulls], "confidence": [...]}. Or it sends JPEG files as binary messages, each of
them after {"time_s": ...} if it does not come live. Answers are {"type": "prediction", ...} and, for what cannot be
used, {"type": "error", "error": sentence}; the connection stays.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from posemill.errors import InputError, PosemillError
from posemill.pose.track import PoseTrack
from posemill.serving.checks import LARGEST, track_of
from posemill.serving.live_windows import Judge, LivePoses
from posemill.serving.routes import here
from posemill.serving.schema import TrackRequest

WAITING_POSES, WAITING_FRAMES = 64, 4  # the newest that wait for their turn; older ones are dropped
LARGEST_TEXT, LARGEST_FRAME = 2**18, 2**22  # bytes of a message
SLOW_S = 30.0  # for taking an answer
DEEP = "/live takes x and y, and this model reads z too: send whole tracks to /predict_track"
WORKERS = 2  # connections that are worked for at the same time


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The first message, or one that begins anew: names of what comes."""

    skeleton: str | None
    keypoints: list[str] | None


@dataclass(frozen=True, slots=True, eq=False)
class PoseMessage:
    """One pose, not checked yet."""

    fields: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class FrameMessage:
    """One JPEG file."""

    time_s: float
    content: bytes


@dataclass(frozen=True, slots=True)
class Bad:
    """What came instead of a message, as a sentence."""

    says: str


Message = Skeleton | PoseMessage | FrameMessage | Bad


class LiveFrames(Protocol):
    """Follows people through frames, see live_frames.py."""

    def take(self, content: bytes, time_s: float) -> dict[str, Any] | None:
        """A prediction when one is due. Errors: InputError."""
        ...


class Newest:
    """A queue of messages that never grows: where there is no room, the oldest makes it and is counted."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[Message | None] = deque()
        self._came = asyncio.Event()

    def put(self, message: Message | None) -> None:
        """Add a message; None is the end. Names of keypoints make what waits before them worthless."""
        if message is None or isinstance(message, Skeleton):
            self._waiting.clear()
        elif len(self._waiting) >= (WAITING_FRAMES if isinstance(message, FrameMessage) else WAITING_POSES):
            at = 1 if isinstance(self._waiting[0], Skeleton) else 0  # without it the others could not be read
            del self._waiting[at]
            self.dropped += 1
        self._waiting.append(message)
        self._came.set()

    async def get(self) -> list[Message]:
        """The oldest that wait: one frame, or all else up to the next frame. Empty at the end."""
        while not self._waiting:
            self._came.clear()
            await self._came.wait()
        messages: list[Message] = []
        while self._waiting and (message := self._waiting[0]) is not None:
            if messages and isinstance(message, FrameMessage):
                break
            messages.append(message)
            self._waiting.popleft()
            if isinstance(message, FrameMessage):
                break
        return messages


class Parser:
    """What comes over the wire → messages. Remembers the time that goes with the next frame."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()
        self._time_s: float | None = None

    def __call__(self, text: str | None, content: bytes | None) -> Message | None:
        """A message; None for what belongs to the next one."""
        if content is not None:
            time_s, self._time_s = self._time_s, None
            if len(content) > LARGEST_FRAME:
                return Bad(f"a frame should have up to {LARGEST_FRAME >> 20} MiB, came with {len(content)} bytes")
            return FrameMessage(self._clock() - self._began if time_s is None else time_s, content)
        if text is None or len(text) > LARGEST_TEXT:
            return Bad(f"a message should have up to {LARGEST_TEXT >> 10} KiB of text")
        try:
            fields = from_json(text, allow_inf_nan=False)
        except ValueError as exc:
            return Bad(f"the message is not JSON ({exc}); a keypoint that was not seen is null, not NaN")
        return self._message(fields)

    def _message(self, fields: Any) -> Message | None:
        names = set(fields) if isinstance(fields, dict) else set()
        if names and names <= {"skeleton", "keypoints"}:
            return _skeleton(fields)
        if names == {"time_s"} and isinstance(fields["time_s"], int | float):
            if abs(fields["time_s"]) > LARGEST:  # 1e999 is infinite, and an integer may have any length
                return Bad(f"time_s should be seconds up to {LARGEST:g}, came as a larger number")
            self._time_s = float(fields["time_s"])
            return None
        if {"time_s", "xy"} <= names <= {"time_s", "xy", "confidence"}:
            return PoseMessage(fields)
        return Bad(
            'send {"skeleton": name} or {"keypoints": [names]}, then {"time_s", "xy", "confidence"} for each pose'
        )


def _skeleton(fields: dict[str, Any]) -> Message:
    try:
        request = TrackRequest(**fields, time_s=[], xy=[])
    except ValidationError:
        return Bad("skeleton should be a name, or keypoints a list of up to 512 names")
    return Skeleton(request.skeleton, request.keypoints)


class Stream:
    """One connection's poses or frames, and the predictions over them."""

    def __init__(self, judge: Judge, frames: Callable[[], LiveFrames] | None) -> None:
        self._judge, self._make_frames = judge, frames
        self._names: Skeleton | None = None
        self._poses: LivePoses | None = None
        self._frames: LiveFrames | None = None

    def take(self, message: Message) -> dict[str, Any] | None:
        """A prediction when one is due. Errors: InputError, PosemillError."""
        match message:
            case Bad(says):
                raise InputError(says)
            case Skeleton():
                self._begin(message)
                return None
            case PoseMessage(fields):
                if self._names is None or self._poses is None:
                    raise InputError(
                        'say first which keypoints come: {"skeleton": "coco-17"} or {"keypoints": [names]}'
                    )
                return self._poses.take(self._pose(self._names, [fields]))
            case FrameMessage(time_s, content):
                if self._make_frames is None:
                    raise InputError("this service takes keypoints; frames are for the analysis service")
                if self._judge.features.coordinates == 3:
                    raise InputError(DEEP)
                self._frames = self._frames or self._make_frames()
                return self._frames.take(content, time_s)

    def _begin(self, names: Skeleton) -> None:
        if self._judge.features.coordinates == 3:
            raise InputError(DEEP)
        self._names = self._poses = None
        self._pose(names, [])  # names that do not fit are told now
        self._names, self._poses = names, LivePoses(self._judge)

    def _pose(self, names: Skeleton, fields: list[dict[str, Any]]) -> PoseTrack:
        """A track of one pose or none, in the model's keypoints."""
        sure = [f["confidence"] for f in fields if f.get("confidence") is not None]
        request = TrackRequest(
            skeleton=names.skeleton,
            keypoints=names.keypoints,
            time_s=[f["time_s"] for f in fields],
            xy=[f["xy"] for f in fields],
            confidence=sure or None,
        )
        return track_of(request).to(self._judge.features.skeleton)


def routes() -> list[BaseRoute]:
    """For the apps of both services."""
    return [WebSocketRoute("/live", live)]


async def live(websocket: WebSocket) -> None:
    """One connection."""
    service = here()
    await websocket.accept()
    stream = Stream(Judge(service.predictor, service.observe), getattr(service, "live_frames", None))
    queue = Newest()
    reading = asyncio.create_task(_read(websocket, queue))
    try:
        while messages := await queue.get():
            for answer in await run_sync(_answers, stream, messages, limiter=_workers()):
                await asyncio.wait_for(websocket.send_json(answer | {"dropped": queue.dropped}), SLOW_S)
    except (WebSocketDisconnect, TimeoutError, RuntimeError):  # gone, or takes nothing; RuntimeError is Starlette's
        pass
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        with suppress(Exception):
            await asyncio.wait_for(websocket.close(), SLOW_S)


def _answers(stream: Stream, messages: list[Message]) -> list[dict[str, Any]]:
    """What there is to say about these messages; in a thread."""
    answers = []
    for message in messages:
        try:
            answer = stream.take(message)
        except PosemillError as exc:
            answer = {"type": "error", "error": str(exc)}
        if answer is not None:
            answers.append(answer)
    return answers


async def _read(websocket: WebSocket, queue: Newest) -> None:
    parser = Parser()
    try:
        while True:
            came = await websocket.receive()
            if came["type"] == "websocket.disconnect":
                return
            message = parser(came.get("text"), came.get("bytes"))
            if message is not None:
                queue.put(message)
    finally:
        queue.put(None)


def _workers() -> CapacityLimiter:
    service = here()
    if not hasattr(service, "live_workers"):
        service.live_workers = CapacityLimiter(WORKERS)
    limiter: CapacityLimiter = service.live_workers
    return limiter
