"""A small client: the standard library and numpy. Errors of the service come back as posemill's own."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError, PosemillError, Unavailable
from posemill.pose.track import PoseTrack
from posemill.serving import npz
from posemill.serving.checks import with_nulls
from posemill.serving.schema import TrackAnswer, VideoAnswer, WindowsAnswer

CHUNK = 2**20


class Client:
    """Talks to a running service at `url`, such as http://127.0.0.1:3000.

    Errors of every call: InputError with the service's sentence when it refuses what was sent, Unavailable when it
    cannot be reached or is overloaded, PosemillError when it failed.
    """

    def __init__(self, url: str, timeout_s: float = 900.0) -> None:
        self.url, self.timeout_s = url.rstrip("/"), timeout_s

    def ready(self) -> bool:
        """Whether the service answers /readyz with 200 now."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def predict_windows(self, windows: NDArray[np.floating], binary: bool = True) -> WindowsAnswer:
        """(N, T, K, 3) pixels, NaN = not seen, as build/prepare/windows.npy holds them.

        binary  send them as a NumPy archive, in the array's own precision (float16 or else float32), not as JSON,
                which is five times as long and takes a hundred times as long to read. The answer is the same.
        """
        if not binary:
            return WindowsAnswer.model_validate(self.post("/predict_windows", {"windows": with_nulls(windows)}))
        kind = np.float16 if windows.dtype == np.float16 else np.float32
        body = npz.write({npz.NAME: np.asarray(windows, kind)})
        return WindowsAnswer.model_validate(self._send("/predict_windows", body, {"Content-Type": npz.MEDIA_TYPE}))

    def predict_track(self, track: PoseTrack) -> TrackAnswer:
        """One person's track. Keypoints go by name, so that any skeleton with the model's keypoints works."""
        body = {
            "keypoints": list(track.skeleton.keypoints), "time_s": track.time_s.tolist(), "xy": with_nulls(track.xy),
            "confidence": track.confidence.tolist(),
        }  # fmt: skip
        return TrackAnswer.model_validate(self.post("/predict_track", body))

    def analyse_video(self, path: Path, tracks: bool = False) -> VideoAnswer:
        """Upload a video. The file is sent piece by piece, so its size does not matter here."""
        boundary = uuid.uuid4().hex
        head, tail = _form(path.name, tracks, boundary)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        return VideoAnswer.model_validate(self._send("/analyse_video", _pieces(head, path, tail), headers))

    def post(self, route: str, body: Any) -> Any:
        """Send JSON, get JSON."""
        return self._send(route, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _send(self, route: str, body: bytes | Iterator[bytes], headers: dict[str, str]) -> Any:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=self.timeout_s)
        try:
            connection.request("POST", parts.path + route, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as exc:
            raise Unavailable(f"no service at {self.url} ({exc!r}): start one with `posemill serve`") from exc
        finally:
            connection.close()
        return _read(answer.status, text, self.url + route)


def _read(status: int, text: str, address: str) -> Any:
    try:
        body = json.loads(text)
    except ValueError:
        raise PosemillError(f"{address} answered {status} without JSON: is this a posemill service?") from None
    if status < 400:
        return body
    says = body.get("error", text) if isinstance(body, dict) else text
    if status in (429, 503):
        raise Unavailable(f"{address} cannot answer now: {says}")
    raise (InputError if status < 500 else PosemillError)(f"{address} answered {status}: {says}")


def _form(name: str, tracks: bool, boundary: str) -> tuple[bytes, bytes]:
    safe = name.replace('"', "_").replace("\r", "_").replace("\n", "_")
    field = f'--{boundary}\r\nContent-Disposition: form-data; name="tracks"\r\n\r\n{str(tracks).lower()}\r\n'
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="{safe}"\r\n\r\n'
    return (field + file).encode(), f"\r\n--{boundary}--\r\n".encode()


def _pieces(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece
    yield tail
