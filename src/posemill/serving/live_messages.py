"""Messages of a live stream: what a client may send over /live, how it is parsed, and the queue before the model."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from posemill.serving.arrays import LARGEST
from posemill.serving.schemas.activity import TrackRequest

WAITING_POSES, WAITING_FRAMES = 64, 4  # the newest that wait for their turn; older ones are dropped
LARGEST_TEXT, LARGEST_FRAME = 2**18, 2**22  # bytes of a message


@dataclass(frozen=True, slots=True)
class SkeletonMessage:
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
class BadMessage:
    """Input that is no message, and why."""

    says: str


Message = SkeletonMessage | PoseMessage | FrameMessage | BadMessage


class NewestQueue:
    """A queue of messages that never grows: where there is no room, the oldest makes it and is counted."""

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[Message | None] = deque()
        self._came = asyncio.Event()

    def put(self, message: Message | None) -> None:
        """Add a message; None is the end. Names of keypoints make what waits before them worthless."""
        if message is None or isinstance(message, SkeletonMessage):
            self._waiting.clear()
        elif len(self._waiting) >= (WAITING_FRAMES if isinstance(message, FrameMessage) else WAITING_POSES):
            at = 1 if isinstance(self._waiting[0], SkeletonMessage) else 0  # without it the others could not be read
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


class MessageParser:
    """Parse input into messages. Remembers the time that goes with the next frame."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()
        self._time_s: float | None = None

    def __call__(self, text: str | None, content: bytes | None) -> Message | None:
        """A message; None for what belongs to the next one."""
        if content is not None:
            time_s, self._time_s = self._time_s, None
            if len(content) > LARGEST_FRAME:
                return BadMessage(
                    f"a frame should have up to {LARGEST_FRAME >> 20} MiB, came with {len(content)} bytes"
                )
            return FrameMessage(self._clock() - self._began if time_s is None else time_s, content)
        if text is None or len(text) > LARGEST_TEXT:
            return BadMessage(f"a message should have up to {LARGEST_TEXT >> 10} KiB of text")
        try:
            fields = from_json(text, allow_inf_nan=False)
        except ValueError as exc:
            return BadMessage(f"the message is not JSON ({exc}); a keypoint that was not seen is null, not NaN")
        return self._message(fields)

    def _message(self, fields: Any) -> Message | None:
        names = set(fields) if isinstance(fields, dict) else set()
        if names and names <= {"skeleton", "keypoints"}:
            return _skeleton(fields)
        if names == {"time_s"} and isinstance(fields["time_s"], int | float):
            if abs(fields["time_s"]) > LARGEST:  # 1e999 is infinite, and an integer may have any length
                return BadMessage(f"time_s should be seconds up to {LARGEST:g}, came as a larger number")
            self._time_s = float(fields["time_s"])
            return None
        if {"time_s", "xy"} <= names <= {"time_s", "xy", "confidence"}:
            return PoseMessage(fields)
        return BadMessage(
            'send {"skeleton": name} or {"keypoints": [names]}, then {"time_s", "xy", "confidence"} for each pose'
        )


def _skeleton(fields: dict[str, Any]) -> Message:
    try:
        request = TrackRequest(**fields, time_s=[], xy=[])
    except ValidationError:
        return BadMessage("skeleton should be a name, or keypoints a list of up to 512 names")
    return SkeletonMessage(request.skeleton, request.keypoints)
