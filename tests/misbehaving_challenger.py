"""Workers of a shadow that misbehave: python -m misbehaving_challenger SOCKET HOW NUMBER, after NUMBER good answers.

HOW is a folder's name: `hangs`, `crashes`, `slow` (a second an answer), `silent` (never ready), `talks nonsense`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path

import numpy as np

from posemill.serving.shadow.worker import read, write

SHAPE = (12, 12, 3)


def main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    how, good = Path(sys.argv[2]).name, int(Path(sys.argv[3]).name)
    if how == "silent":
        time.sleep(60)
    write(connection, json.dumps({"classes": ["squat", "wave"]}).encode())
    while (body := read(connection)) is not None:
        good -= 1
        if good < 0:
            if how == "hangs":
                time.sleep(60)
            if how == "crashes":
                os.abort()
            if how == "slow":
                time.sleep(1)
            if how == "talks nonsense":
                write(connection, b"\xff nonsense")
                continue
        windows = len(np.frombuffer(body, np.float32).reshape(-1, *SHAPE))
        answer = {"seconds": [0.001, 0.002], "probabilities": [[0.25, 0.75]] * windows}
        write(connection, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
