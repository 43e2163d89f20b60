"""WebSocket /live: keypoints or JPEG frames in, predictions out as soon as a window is seen, then every stride.

A client says first which keypoints come, {"skeleton": "coco-17"} or {"keypoints": [names]}, then sends a pose a
message, {"time_s", "xy": [[x, y] or nulls], "confidence": [...]}. Or it sends JPEG files as binary messages, each of
them after {"time_s": ...} if it does not come live. Answers are {"type": "prediction", ...} and, for what cannot be
used, {"type": "error", "error": sentence}; the connection stays.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from posemill.errors import PosemillError
from posemill.prediction.live_windows import LivePredictor
from posemill.serving.context import current_service
from posemill.serving.live_messages import Message, MessageParser, NewestQueue
from posemill.serving.live_stream import PredictionStream

SLOW_S = 30.0  # for taking an answer
WORKERS = 2  # connections that are worked for at the same time

router = APIRouter()


@router.websocket("/live")
async def live(websocket: WebSocket) -> None:
    """Answer one connection until it ends."""
    service = current_service()
    await websocket.accept()
    model = service.answering()
    predictor = LivePredictor(model.predictor, model.observe)
    frames = getattr(service, "live_frames", None)
    stream = PredictionStream(predictor, frames and partial(frames, predictor))
    queue = NewestQueue()
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


def _answers(stream: PredictionStream, messages: list[Message]) -> list[dict[str, Any]]:
    """Return predictions and errors for these messages; runs in a thread."""
    answers = []
    for message in messages:
        try:
            answer = stream.take(message)
        except PosemillError as exc:
            answer = {"type": "error", "error": str(exc)}
        if answer is not None:
            answers.append(answer)
    return answers


async def _read(websocket: WebSocket, queue: NewestQueue) -> None:
    parser = MessageParser()
    try:
        while True:
            event = await websocket.receive()
            if event["type"] == "websocket.disconnect":
                return
            message = parser(event.get("text"), event.get("bytes"))
            if message is not None:
                queue.put(message)
    finally:
        queue.put(None)


def _workers() -> CapacityLimiter:
    service = current_service()
    if not hasattr(service, "live_workers"):
        service.live_workers = CapacityLimiter(WORKERS)
    limiter: CapacityLimiter = service.live_workers
    return limiter
