"""Requests and answers survive JSON, and what does not fit is refused with a sentence."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from packaged import walking_track
from posemill.errors import InputError, SkeletonError, Unavailable
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.serving.app import create_app
from posemill.serving.arrays import track_of, windows_array, with_nulls
from posemill.serving.jobs import Full
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.limits import Limits
from posemill.serving.schemas.activity import (
    Person,
    Receipt,
    Segment,
    TrackPoints,
    TrackRequest,
    Verdict,
    VideoAnswer,
    VideoFacts,
)


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_windows_survive_json(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    windows = (rng.uniform(0, 1, (n, 5, 12, 3)) * (300, 300, 1)).astype(np.float32)
    windows[rng.random((n, 5, 12)) < 0.3] = (np.nan, np.nan, 0)
    back = windows_array(json.loads(json.dumps(with_nulls(windows), allow_nan=False)), 5, BODY_12)
    np.testing.assert_array_equal(back, windows)


def test_confidence_of_what_is_not_seen_is_nothing() -> None:
    windows = np.full((1, 5, 12, 3), 0.7, np.float32)
    nested = with_nulls(windows)
    nested[0][0][0] = [None, None, 0.7]
    assert windows_array(nested, 5, BODY_12)[0, 0, 0, 2] == 0


def test_a_track_survives_json() -> None:
    track = walking_track(COCO_17)
    track.xy[3, 4] = np.nan
    track.confidence[3, 4] = 0
    request = {"skeleton": "coco-17", "time_s": track.time_s.tolist(), "xy": with_nulls(track.xy)}
    request["confidence"] = track.confidence.tolist()
    back = track_of(TrackRequest.model_validate(json.loads(json.dumps(request))))
    np.testing.assert_array_equal(back.xy, track.xy)
    np.testing.assert_array_equal(back.confidence, track.confidence)
    assert back.skeleton == COCO_17


def test_confidence_may_be_left_out() -> None:
    back = track_of(TrackRequest(keypoints=["nose"], time_s=[0, 1], xy=[[[1, 2]], [[None, None]]]))
    assert back.confidence.tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"keypoints": ["nose", "nose"], "time_s": [], "xy": []}, "keypoint names repeat"),
        ({"skeleton": "stick", "time_s": [], "xy": []}, "unknown skeleton"),
        ({"keypoints": ["nose"], "time_s": [0.0], "xy": [[[float("inf"), 0]]]}, "finite"),
        ({"keypoints": ["nose"], "time_s": "soon", "xy": []}, "time_s should be"),
    ],
)
def test_tracks_that_do_not_fit(fields: dict[str, Any], says: str) -> None:
    with pytest.raises((InputError, SkeletonError), match=says):
        track_of(TrackRequest(**fields))


def test_an_answer_survives_json() -> None:
    verdict = Verdict(activity="wave", probability=0.8, probabilities={"wave": 0.8, "rest": 0.2})
    segment = Segment(start_s=0, end_s=1.5, activity="wave", probability=0.8)
    points = TrackPoints(time_s=[0.0], xy=[[[1.0, 2.0], [None, None]]], confidence=[[0.9, 0.0]])
    person = Person(person=3, start_s=0, end_s=1.5, poses=1, verdict=verdict, segments=[segment], track=points)
    facts = VideoFacts(width_px=4, height_px=2, frames=1, duration_s=1.5, skeleton="coco-17")
    receipt = Receipt.of(None, {"model": "a", "features": "b", "classes": "c", "code": "d", "more": 1})
    answer = VideoAnswer(video=facts, verdict=verdict, main_subject=3, people=[person], receipt=receipt)
    assert VideoAnswer.model_validate_json(answer.model_dump_json()) == answer


def test_the_examples_are_valid_requests() -> None:
    from posemill.serving.schemas.activity import WindowsRequest

    track = TrackRequest.model_json_schema()["example"]
    assert len(track_of(TrackRequest.model_validate(track))) == 2
    windows = WindowsRequest.model_json_schema()["example"]["windows"]
    assert np.array(windows, float).shape[-1] == 3


@pytest.mark.parametrize(
    ("exc", "status", "says"),
    [
        (HTTPException(400, "no"), 400, "no"),
        (
            RequestValidationError([{"loc": ("body", "time_s"), "msg": "Field required", "type": "missing"}]),
            400,
            "time_s: Field required",
        ),
        (RequestValidationError([{"loc": ("body",), "msg": "Value error, no", "type": "value_error"}]), 422, "no"),
        (Unavailable("busy"), 503, "busy"),
        (Full("full"), 429, "full"),
        (InputError("a" * 2000 + "z"), 422, "a" * 350 + " … " + "a" * 139 + "z"),
        (HTTPException(404), 404, "there is nothing at /p; see /docs for what there is"),
        (HTTPException(405), 405, "/p does not take this method; predictions are POST"),
    ],
)
def test_every_error_is_a_sentence(exc: Exception, status: int, says: str) -> None:
    router = APIRouter()

    @router.post("/p")
    async def fails() -> None:
        raise exc

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app("test", [router]))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/p")

    answer = asyncio.run(send())
    assert (answer.status_code, answer.json()) == (status, {"error": says})


def drive(app: Any, pieces: list[bytes], headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, bytes]:
    """Status and body of one request whose body comes in pieces."""
    queue = [{"type": "http.request", "body": p, "more_body": i < len(pieces) - 1} for i, p in enumerate(pieces)]
    sent: list[Any] = []

    async def receive() -> Any:
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def request() -> None:
        await app({"type": "http", "method": "POST", "headers": headers or [], "path": "/p"}, receive, send)
        await asyncio.sleep(0)  # a refusal is sent by a task of its own

    asyncio.run(request())
    assert [m["type"] for m in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], sent[1]["body"]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers 200 with the length of the body, and like BentoML 500 when the client hangs up."""
    total, message = 0, {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        total += len(message.get("body", b""))
    status = 500 if message["type"] == "http.disconnect" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": str(total).encode()})


FORM = (b"content-type", b"multipart/form-data; boundary=x")
LIMITED = [("body_bytes", []), ("file_bytes", [FORM])]


@pytest.mark.parametrize(("name", "kind"), LIMITED)
def test_a_body_within_the_limit_passes(name: str, kind: list[tuple[bytes, bytes]]) -> None:
    guarded = GuardMiddleware(echo, Limits(**{name: 10}))
    assert drive(guarded, [b"12345", b"67890"], kind) == (200, b"10")


@pytest.mark.parametrize(("name", "kind"), LIMITED)
@pytest.mark.parametrize("headers", [[], [(b"content-length", b"11")], [(b"content-length", b"-1")]])
def test_a_body_above_the_limit_is_refused(
    name: str, kind: list[tuple[bytes, bytes]], headers: list[tuple[bytes, bytes]]
) -> None:
    guarded = GuardMiddleware(echo, Limits(**{name: 10}))
    status, body = drive(guarded, [b"12345", b"678901"], headers + kind)
    assert status == 413
    assert "larger than" in json.loads(body)["error"]


def test_shares_of_the_picture_are_no_pixels() -> None:
    """A model centres and scales bodies: shares would be answered too, with the picture's sides taken as equal."""
    track = walking_track(COCO_17)
    request = TrackRequest(skeleton="coco-17", time_s=track.time_s.tolist(), xy=with_nulls(track.xy))
    assert len(track_of(request)) == len(track)
    shares = track.xy / np.float32([1920, 1080])
    with pytest.raises(InputError, match=r"xy: bodies are .* these are no pixels but shares of the picture"):
        track_of(request.model_copy(update={"xy": with_nulls(shares)}))
    windows = np.full((2, 16, 17, 3), 0.5, np.float32)
    windows[..., 0] = np.linspace(0.4, 0.6, 17)
    with pytest.raises(InputError, match=r"windows: bodies are .* these are no pixels"):
        windows_array(windows, 16, COCO_17)
