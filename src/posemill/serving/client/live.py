"""Client of the WebSocket /live."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from posemill.errors import Unavailable
from posemill.pose.skeleton import Skeleton
from posemill.serving.arrays import with_nulls
from posemill.serving.client.connection import Connection
from posemill.serving.schemas.analysis import LiveAnswer

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

_ANSWER: TypeAdapter[LiveAnswer] = TypeAdapter(LiveAnswer)


class LiveStream:
    """Open live connection. Sending never waits for an answer: the service drops and counts what comes too quickly.

    Errors of every call: Unavailable when the connection has ended.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def pose(self, time_s: float, xy: NDArray[np.floating], confidence: NDArray[np.floating] | None = None) -> None:
        """Send one person's pose: xy (K, 2) pixels, NaN = not seen; confidence (K,). Times must increase."""
        confidences = {} if confidence is None else {"confidence": np.asarray(confidence, float).tolist()}
        self._send(json.dumps({"time_s": time_s, "xy": with_nulls(np.asarray(xy, np.float32)), **confidences}))

    def frame(self, jpeg: bytes, time_s: float | None = None) -> None:
        """Send a JPEG file; without a time it is that at which it comes. The analysis service alone takes them."""
        if time_s is not None:
            self._send(json.dumps({"time_s": time_s}))
        self._send(jpeg)

    def answers(self, wait_s: float = 0.0) -> list[LiveAnswer]:
        """Return predictions and problems that came since the last call; waits for the first one."""
        from websockets.exceptions import ConnectionClosed

        answers: list[LiveAnswer] = []
        try:
            while True:
                answers.append(_ANSWER.validate_json(self._socket.recv(timeout=0.0 if answers else wait_s)))
        except TimeoutError:
            return answers
        except ConnectionClosed as exc:
            if answers:
                return answers
            raise Unavailable(f"the service has ended the live connection: {exc}") from exc

    def _send(self, message: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._socket.send(message)
        except ConnectionClosed as exc:
            raise Unavailable(f"the service has ended the live connection: {exc}") from exc


class LiveCalls(Connection):
    """See Client for the errors of every call."""

    @contextmanager
    def live(self, skeleton: Skeleton | None = None) -> Iterator[LiveStream]:
        """Open a live connection: for poses of that skeleton (they go by the names of its keypoints), or for frames."""
        from websockets.exceptions import WebSocketException
        from websockets.sync.client import connect

        address = "ws" + self.url.removeprefix("http") + "/live"
        options: dict[str, Any] = {"additional_headers": self.headers, "proxy": None, "open_timeout": 30}
        try:
            socket = connect(address, **options)
        except (OSError, WebSocketException) as exc:
            raise Unavailable(f"no live connection to {address} ({exc!r})") from exc
        with socket:
            if skeleton is not None:
                socket.send(json.dumps({"keypoints": list(skeleton.keypoints)}))
            yield LiveStream(socket)
