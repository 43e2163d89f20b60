"""The client against a service that is a few lines: forms, files, jobs, and refusals in the middle of an upload."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from posemill.errors import InputError, PosemillError, Unavailable
from posemill.serving.client import Client, videos
from posemill.serving.schemas.activity import Receipt, VideoAnswer, VideoFacts

ANSWER = VideoAnswer(
    video=VideoFacts(width_px=4, height_px=2, frames=1, duration_s=1.5, skeleton="coco-17"),
    verdict=None,
    main_subject=None,
    people=[],
    receipt=Receipt.of(None, {"model": "a", "features": "b", "classes": "c"}),
)


class Service(BaseHTTPRequestHandler):
    seen: ClassVar[list[tuple[str, str, bytes, str | None]]] = []
    states: ClassVar[list[str]] = []
    at_once: ClassVar[bool] = False

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, status: int, body: Any, kind: str = "application/json") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def noted(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, body, self.headers.get("Authorization")))

    def do_POST(self) -> None:
        if self.path == "/analyse_image":
            self.answer(413, {"error": "too large"})  # without reading the body
            self.close_connection = True
            return
        self.noted()
        if self.at_once:
            self.answer(200, ANSWER.model_dump())
        else:
            self.answer(202, {"job": "j1", "status": "/jobs/j1"})

    def do_GET(self) -> None:
        self.noted()
        if self.path == "/jobs/j1":
            self.answer(200, self.status(self.states.pop(0)))
        elif self.path == "/jobs/j1/result":
            self.answer(200, ANSWER.model_dump())
        elif self.path == "/jobs/j1/overlay.mp4":
            self.answer(200, b"video", "video/mp4")
        else:
            self.answer(409, {"error": "the job is running"})

    def do_DELETE(self) -> None:
        self.noted()
        self.answer(200, self.status("cancelled"))

    def status(self, state: str) -> dict[str, Any]:
        error = "cut off" if state == "failed" else None
        return {"job": "j1", "state": state, "progress": 0.5, "frames_done": 1, "frames": 2, "error": error}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setattr(videos, "POLL_S", 0.0)
    monkeypatch.setattr(Service, "seen", [])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Client(f"http://127.0.0.1:{server.server_port}", 5, key="secret")
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / 'a "b".mp4'
    path.write_bytes(b"0123456789")
    return path


def calls() -> list[str]:
    return [f"{method} {path}" for method, path, _, _ in Service.seen]


def test_a_short_video_is_answered_at_once(client: Client, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "at_once", True)
    assert client.analyse_video(video, tracks=True) == ANSWER
    ((_, _, body, key),) = Service.seen
    assert b'name="tracks"\r\n\r\ntrue\r\n' in body
    assert b'filename="a _b_.mp4"\r\n' in body
    assert b"\r\n\r\n0123456789\r\n--" in body
    assert key == "Bearer secret"


def test_a_long_video_is_waited_for_and_forgotten(client: Client, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "states", ["queued", "running", "done"])
    told: list[str] = []
    assert client.analyse_video(video, progress=lambda status: told.append(status.state)) == ANSWER
    assert told == ["queued", "running"]
    asked = ["GET /jobs/j1"] * 3
    assert calls() == ["POST /analyse_video", *asked, "GET /jobs/j1/result", "DELETE /jobs/j1"]


def test_a_job_that_fails_says_why(client: Client, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "states", ["failed"])
    assert client.start_video(video) == "j1"
    with pytest.raises(PosemillError, match="job j1 failed: cut off"):
        client.wait("j1")


def test_files_of_a_job_are_whole_or_not_there(client: Client, tmp_path: Path) -> None:
    assert client.overlay("j1", tmp_path / "o.mp4").read_bytes() == b"video"
    with pytest.raises(InputError, match="409: the job is running"):
        client.sheet("j1", tmp_path / "s.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["o.mp4"]


def test_a_refusal_in_the_middle_of_an_upload_is_heard(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(bytes(30 * 2**20))
    with pytest.raises((InputError, Unavailable), match=r"413: too large|no service"):
        client.analyse_image(path)


def test_the_client_imports_no_heavy_library() -> None:
    heavy = {"torch", "bentoml", "fastapi", "starlette", "pandas", "sqlalchemy", "onnxruntime"}
    code = f"import sys, posemill.serving.client; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
