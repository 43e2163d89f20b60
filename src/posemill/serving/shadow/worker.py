"""Worker process of a shadow: champion and challenger on the same windows, one after the other, timed.

python -m posemill.serving.shadow.worker SOCKET CHAMPION CHALLENGER with an inherited socket and two folders. Whatever
the challenger does, it does here: a service that loses this process loses nothing else. It ends with its starter, whose
end of the pipe at its input is closed then.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.prediction.model import ActivityModel

LENGTH = 4  # bytes that say how long a message is
NICE = 19  # requests come first


def main() -> None:
    """Answer windows until the socket closes; an error is the last answer."""
    threading.Thread(target=_end_with_starter, daemon=True).start()
    number, *folders = sys.argv[1:]
    with socket.socket(fileno=int(number)) as connection:
        try:
            _serve(connection, [Path(folder) for folder in folders])
        except Exception as exc:
            write(connection, json.dumps({"error": f"{type(exc).__name__}: {exc}"}).encode())
            sys.exit(1)


def _serve(connection: socket.socket, folders: list[Path]) -> None:
    models = [ActivityModel.load(folder) for folder in folders]
    for model in models:
        model.warm()
    os.nice(NICE)  # not before: on a busy machine it would hardly ever be ready
    write(connection, json.dumps({"classes": models[1].classes}).encode())
    turn = 0
    while (body := read(connection)) is not None:
        turn ^= 1
        write(connection, json.dumps(_answer(models, body, turn)).encode())


def _answer(models: list[ActivityModel], body: bytes, first: int) -> dict[str, Any]:
    """Run both, beginning with the model `first`, since the second finds the windows in the cache."""
    windows = np.frombuffer(body, np.float32).reshape(-1, *models[0].features.shape)
    seconds, probabilities = [0.0, 0.0], None
    for which in (first, 1 - first):
        began = time.perf_counter()
        found: NDArray[np.float32] = models[which].probabilities(windows)
        seconds[which] = time.perf_counter() - began
        if which == 1:
            probabilities = found
    assert probabilities is not None
    return {"seconds": seconds, "probabilities": probabilities.tolist()}


def read(connection: socket.socket) -> bytes | None:
    """Return the next message, or None where the other side has gone. Errors: TimeoutError."""
    head = _read(connection, LENGTH)
    return None if head is None else _read(connection, int.from_bytes(head, "little"))


def write(connection: socket.socket, body: bytes) -> None:
    """Send a message. Errors: OSError, TimeoutError."""
    connection.sendall(len(body).to_bytes(LENGTH, "little") + body)


def _read(connection: socket.socket, size: int) -> bytes | None:
    pieces = []
    while size:
        if not (piece := connection.recv(min(size, 1 << 20))):
            return None
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _end_with_starter() -> None:
    while os.read(0, 1):  # nothing comes: it returns when nobody holds the other end any more
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
