"""Forms with files: what is stored where, under which name, and that a refused upload leaves nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from posemill.serving.jobs import Full, Jobs
from posemill.serving.routers import uploads as module
from posemill.serving.routers.uploads import image_upload, safe_name, video_upload


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    jobs = Jobs(2, keep_s=60)
    monkeypatch.setattr(module, "current_service", lambda: SimpleNamespace(jobs=jobs))
    yield jobs
    jobs.close()


def request(*pieces: bytes, kind: str = "multipart/form-data; boundary=x") -> Request:
    queue = [{"type": "http.request", "body": p, "more_body": i < len(pieces) - 1} for i, p in enumerate(pieces)]

    async def receive() -> Any:
        return queue.pop(0) if queue else {"type": "http.disconnect"}

    headers = [(b"content-type", kind.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}, receive)


def form(field: str = "video", name: str = "a.mp4", content: bytes = b"12345", **fields: str) -> bytes:
    head = "".join(f'--x\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items())
    file = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return (head + file).encode() + content + b"\r\n--x--\r\n"


def read(dependency: Any, came: Request, then: Callable[[Any], Any] = lambda upload: upload) -> Any:
    """What `then` makes of the upload, before the request is closed."""

    async def scenario() -> Any:
        async with asynccontextmanager(dependency)(came) as upload:
            return then(upload)

    return asyncio.run(scenario())


def test_a_video_is_stored_in_the_folder_of_a_job(jobs: Jobs) -> None:
    upload = read(video_upload, request(form(tracks="true", job="on")))
    assert (upload.flag("tracks"), upload.flag("job"), upload.flag("other")) == (True, True, False)
    assert upload.video.read_bytes() == b"12345"
    assert upload.video.is_relative_to(upload.reserved.folder)
    assert upload.video.name == "a.mp4"
    assert jobs.under_way == 1
    jobs.forget(upload.reserved)
    assert not upload.video.exists()


@pytest.mark.parametrize(
    ("came", "says"),
    [
        (request(b"{}", kind="application/json"), "send a form"),
        (request(form(field="file")), "no file in its field `video`"),
        (request(b"rubbish"), "cannot be read"),
        (request(form()[:60]), "no file|cannot be read"),
    ],
)
def test_what_is_refused_takes_no_place(jobs: Jobs, came: Request, says: str) -> None:
    with pytest.raises(HTTPException, match=says) as told:
        read(video_upload, came)
    assert told.value.status_code == 400
    assert jobs.under_way == 0


def test_a_client_that_is_gone_takes_no_place(jobs: Jobs) -> None:
    whole = form()

    async def entered(came: Request) -> None:
        async with asynccontextmanager(video_upload)(came):
            pass

    async def scenario() -> None:
        task = asyncio.create_task(entered(waiting))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = asyncio.Event()
    waiting = request(whole[:20], whole[20:])
    receive = waiting._receive

    async def slowly() -> Any:
        message = await receive()
        if not message["more_body"]:
            began.set()
            await asyncio.sleep(60)
        return message

    waiting._receive = slowly
    asyncio.run(scenario())
    assert jobs.under_way == 0


def test_when_there_is_no_place_the_body_is_not_read(jobs: Jobs) -> None:
    taken = [jobs.open(), jobs.open()]

    async def never() -> Any:
        raise AssertionError("the body was read")

    came = request()
    came._receive = never
    with pytest.raises(Full, match="2 videos are already"):  # 429
        read(video_upload, came)
    for job in taken:
        jobs.forget(job)


def test_a_picture_is_read_when_it_is_asked_for() -> None:
    said = read(image_upload, request(form("image", "b.png", b"abc")), lambda upload: (upload.name, upload.read()))
    assert said == ("b.png", b"abc")


def test_a_picture_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_IMAGE", 3)
    with pytest.raises(HTTPException, match="larger than") as told:
        read(image_upload, request(form("image", content=b"1234")))
    assert told.value.status_code == 413


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("clip.mp4", "clip.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\clips\\a b.mov", "a b.mov"),
        ("..", "x"),
        (None, "x"),
        ("", "x"),
        ("é" * 300 + ".mp4", "é" * 56 + ".mp4"),
        ("a\0b\n.mp4", "a_b_.mp4"),
        (".hidden", "hidden"),
    ],
)
def test_names_are_harmless(said: str | None, kept: str) -> None:
    assert safe_name(said, "x") == kept


def test_a_flag_is_true_or_false(jobs: Jobs) -> None:
    upload = read(video_upload, request(form(tracks="perhaps", params="a: 1")))
    assert upload.fields == {"tracks": "perhaps", "params": "a: 1"}
    with pytest.raises(HTTPException, match="`tracks` should be true or false"):
        upload.flag("tracks")
