"""Live streams: predictions when they are due, what a whole track would give, and queues that never grow."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from packaged import SPEC, walking_track
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import PoseTrack
from posemill.prediction.live_windows import LivePoses, LivePredictor
from posemill.prediction.model import ActivityModel
from posemill.serving import live_messages
from posemill.serving.app import create_app
from posemill.serving.arrays import with_nulls
from posemill.serving.live_messages import (
    BadMessage,
    FrameMessage,
    MessageParser,
    NewestQueue,
    PoseMessage,
    SkeletonMessage,
)
from posemill.serving.live_stream import PredictionStream
from posemill.serving.routers import live as module

FPS = 25


def rows(track: PoseTrack) -> Iterator[PoseTrack]:
    """The track pose by pose."""
    for time_s in track.time_s:
        yield track.between(time_s, time_s + 1e-6)


def pose(track: PoseTrack, row: int) -> dict[str, Any]:
    one = {"time_s": float(track.time_s[row]), "xy": with_nulls(track.xy[row])}
    return {**one, "confidence": track.confidence[row].tolist()}


def test_predictions_come_when_a_window_is_seen_and_then_every_stride(predictor: ActivityModel) -> None:
    watched = LivePoses(LivePredictor(predictor))
    answers = [watched.take(row) for row in rows(walking_track(fps=FPS, seconds=3))]
    due = [n for n, answer in enumerate(answers) if answer is not None]
    seen_s = [(n + 1) / FPS for n in due]
    assert seen_s[0] == pytest.approx(SPEC.duration_s, abs=1.5 / FPS)
    assert np.diff(seen_s) == pytest.approx(SPEC.stride_s, abs=1.5 / FPS)
    assert len(due) == 5


def test_a_prediction_is_that_of_the_same_stretch_of_the_whole_track(predictor: ActivityModel) -> None:
    track = walking_track(fps=FPS, seconds=6, seed=3)
    track.xy[40:60, 2] = np.nan
    track.confidence[40:60, 2] = 0
    watched = LivePoses(LivePredictor(predictor))
    compared = 0
    for answer in filter(None, map(watched.take, rows(track))):
        end_s = answer["time_s"] + 1 / FPS
        _, _, wanted = predictor.window_probabilities(track.between(0, end_s), end_s - SPEC.duration_s, end_s)
        assert list(answer["probabilities"].values()) == pytest.approx(wanted[0].tolist(), abs=1e-5)
        compared += 1
    assert compared > 8


def test_every_scale_that_was_seen_counts(predictor: ActivityModel) -> None:
    from dataclasses import replace

    spec = replace(SPEC, scales=(0.5, 1.0, 2.0))
    seen: list[int] = []
    judge = LivePredictor(
        replace(predictor, features=replace(predictor.features, window=spec)),
        lambda _, windows, __: seen.append(len(windows)),
    )
    watched = LivePoses(judge)
    for row in rows(walking_track(fps=FPS, seconds=3)):
        watched.take(row)
    assert sorted(set(seen)) == [1, 2, 3]
    assert seen == sorted(seen)


def test_nobody_is_no_activity(predictor: ActivityModel) -> None:
    track = walking_track(fps=FPS, seconds=1.2)
    track.xy[:] = np.nan
    track.confidence[:] = 0
    watched = LivePoses(LivePredictor(predictor))
    (answer,) = filter(None, map(watched.take, rows(track)))
    assert (answer["activity"], answer["probabilities"], answer["abstained"]) == (None, {}, True)


def test_memory_does_not_grow_with_time(predictor: ActivityModel) -> None:
    watched = LivePoses(LivePredictor(predictor))
    longest = 0
    for row in rows(walking_track(fps=FPS, seconds=10)):
        watched.take(row)
        longest = max(longest, len(watched._poses))
    assert longest <= (SPEC.duration_s + SPEC.stride_s) * FPS + 2


def test_a_pose_that_is_not_later_is_told_and_the_stream_goes_on(predictor: ActivityModel) -> None:
    first, second, *_ = rows(walking_track(fps=FPS, seconds=1))
    watched = LivePoses(LivePredictor(predictor))
    watched.take(second)
    with pytest.raises(InputError, match=r"time_s should increase, but 0 came after 0\.04"):
        watched.take(first)
    assert len(watched._poses) == 1


def test_the_oldest_makes_room_and_is_counted() -> None:
    queue = NewestQueue()
    queue.put(SkeletonMessage("coco-17", None))
    for n in range(live_messages.WAITING_POSES + 5):
        queue.put(PoseMessage({"n": n}))
    first, *messages = asyncio.run(queue.get())
    assert isinstance(first, SkeletonMessage)  # or the poses could not be read
    assert [m.fields["n"] for m in messages] == list(range(6, live_messages.WAITING_POSES + 5))  # type: ignore[union-attr]
    assert queue.dropped == 6


def test_frames_come_one_by_one_and_the_end_is_the_end_whatever_waits() -> None:
    queue, frames = NewestQueue(), [FrameMessage(float(n), b"x") for n in range(2)]
    for message in (BadMessage("a"), frames[0], frames[1], BadMessage("b")):
        queue.put(message)
    assert [asyncio.run(queue.get()) for _ in range(4)] == [
        [BadMessage("a")],
        [frames[0]],
        [frames[1]],
        [BadMessage("b")],
    ]
    queue.put(BadMessage("c"))
    queue.put(None)
    assert asyncio.run(queue.get()) == []


def test_few_frames_wait() -> None:
    queue = NewestQueue()
    for n in range(10):
        queue.put(FrameMessage(float(n), b"x"))
    assert (queue.dropped, len(queue._waiting)) == (6, 4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ('{"time_s": NaN, "xy": []}', "not JSON"),
        ("[1, 2]", "send"),
        ("{}", "send"),
        ('{"time_s": 1, "xy": [], "more": 1}', "send"),
        ('{"skeleton": 7}', "skeleton should be a name"),
        ('{"keypoints": "nose"}', "skeleton should be a name"),
        ('{"time_s": "soon"}', "send"),
        ('{"time_s": 1e999}', "seconds up to 1e+09"),
        (f'{{"time_s": 1{"0" * 400}}}', "seconds up to 1e+09"),
        (" " * (2**18 + 1), "up to 256 KiB"),
    ],
)
def test_what_is_no_message_is_told(text: str, says: str) -> None:
    message = MessageParser()(text, None)
    assert isinstance(message, BadMessage)
    assert says in message.says


def test_frames_have_the_time_that_was_said_or_that_of_their_coming() -> None:
    clock = iter([10.0, 12.5, 13.0])
    parser = MessageParser(lambda: next(clock))
    frames = [parser(None, b"a"), parser('{"time_s": 7}', None), parser(None, b"b"), parser(None, b"c")]
    assert [f and f.time_s for f in frames] == [2.5, None, 7.0, 3.0]  # type: ignore[union-attr]
    assert isinstance(parser(None, b"x" * (2**22 + 1)), BadMessage)


class Wire:
    """The other end of /live, without a network: what is sent waits, as do `room` answers (0: any number)."""

    def __init__(self, room: int = 0) -> None:
        self._to: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._back: asyncio.Queue[dict[str, Any]] = asyncio.Queue(room)

    async def __aenter__(self) -> Wire:
        scope = {"type": "websocket", "path": "/live", "headers": [], "query_string": b"", "subprotocols": []}
        self._app = asyncio.create_task(create_app("test", [module.router])(scope, self._to.get, self._back.put))  # type: ignore[arg-type]
        self._to.put_nowait({"type": "websocket.connect"})
        assert (await self._back.get())["type"] == "websocket.accept"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._to.put_nowait({"type": "websocket.disconnect", "code": 1000})
        while not self._app.done():
            await asyncio.wait([self._app, asyncio.create_task(self._back.get())], return_when="FIRST_COMPLETED")
        await self._app

    def send(self, message: Any) -> None:
        kind = "bytes" if isinstance(message, bytes) else "text"
        text = message if isinstance(message, bytes | str) else json.dumps(message)
        self._to.put_nowait({"type": "websocket.receive", kind: text})

    async def answer(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self._back.get(), 60)
        answer: dict[str, Any] = json.loads(message["text"])
        return answer

    async def says(self, message: Any) -> str:
        self.send(message)
        return str((await self.answer())["error"])

    async def read(self) -> None:
        """Wait until all that was sent is read."""
        while self._to.qsize():
            await asyncio.sleep(0)


@pytest.fixture
def _served(predictor: ActivityModel, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(predictor=predictor, observe=lambda *_: None)
    service = SimpleNamespace(answering=lambda: model)
    monkeypatch.setattr(module, "current_service", lambda: service)


@pytest.mark.usefixtures("_served")
def test_keypoints_by_name_of_any_skeleton() -> None:
    track = walking_track(COCO_17, fps=FPS, seconds=1.2)

    async def scenario() -> dict[str, Any]:
        async with Wire() as wire:
            wire.send({"skeleton": "coco-17"})
            for row in range(len(track)):
                wire.send(pose(track, row))
            return await wire.answer()

    answer = asyncio.run(scenario())
    assert (answer["type"], answer["dropped"]) == ("prediction", 0)
    assert math.isclose(sum(answer["probabilities"].values()), 1, abs_tol=1e-5)
    assert answer["probability"] == max(answer["probabilities"].values())


@pytest.mark.usefixtures("_served")
def test_bad_messages_get_a_sentence_and_the_socket_stays() -> None:
    track = walking_track(COCO_17, fps=FPS, seconds=1.2)

    async def scenario() -> None:
        async with Wire() as wire:
            assert "say first" in await wire.says(pose(track, 0))
            assert "unknown skeleton" in await wire.says({"skeleton": "stick"})
            assert "either" in await wire.says({"skeleton": "coco-17", "keypoints": ["nose"]})
            assert "left_shoulder" in await wire.says({"keypoints": ["nose"]})
            assert "not JSON" in await wire.says("{")
            assert "analysis service" in await wire.says(b"\xff\xd8 jpeg")
            wire.send({"skeleton": "coco-17"})
            assert "xy should be" in await wire.says({"time_s": 0, "xy": [[1, 2]]})
            assert "time_s should be" in await wire.says({"time_s": "x", "xy": []})
            for row in range(len(track)):
                wire.send(pose(track, row))
            assert (await wire.answer())["type"] == "prediction"

    asyncio.run(scenario())


@pytest.mark.usefixtures("_served")
def test_a_client_that_takes_no_answers_loses_poses_and_is_told_how_many() -> None:
    """Its poses are read all the time, so that nothing piles up; the answers that it takes later are of new ones."""
    track = walking_track(COCO_17, fps=FPS, seconds=40)

    async def scenario() -> list[dict[str, Any]]:
        async with Wire(room=1) as wire:
            wire.send({"skeleton": "coco-17"})
            for row in range(len(track)):
                wire.send(pose(track, row))
            await wire.read()
            answers = [await wire.answer()]
            while answers[-1]["time_s"] < track.time_s[-1] - SPEC.stride_s:
                answers.append(await wire.answer())
            return answers

    answers = asyncio.run(scenario())
    dropped = [answer["dropped"] for answer in answers]
    assert dropped == sorted(dropped)
    assert 0 < len(track) - dropped[-1] < 400  # those that waited and those before the answers stood still
    assert all(answer["type"] == "prediction" for answer in answers)


@pytest.mark.usefixtures("_served")
def test_a_client_that_never_takes_an_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLOW_S", 0.05)

    async def scenario() -> None:
        async with Wire(room=1) as wire:
            for _ in range(5):
                wire.send("{")
            await asyncio.wait_for(asyncio.shield(wire._app), 60)

    asyncio.run(asyncio.wait_for(scenario(), 90))


def test_a_model_that_reads_z_takes_no_flat_stream() -> None:
    deep: Any = SimpleNamespace(features=SimpleNamespace(coordinates=3))

    def never() -> Any:
        raise AssertionError("frames are not posed for a model that cannot judge them")

    for message in (SkeletonMessage("coco-17", None), FrameMessage(0.0, b"\xff\xd8 jpeg")):
        with pytest.raises(InputError, match="this model reads z too: send whole tracks to /predict_track"):
            PredictionStream(deep, never).take(message)


def test_a_new_skeleton_begins_anew(predictor: ActivityModel) -> None:
    stream = PredictionStream(LivePredictor(predictor), None)
    track = walking_track(COCO_17, fps=FPS, seconds=1.2)
    answers = []
    for _ in range(2):
        stream.take(SkeletonMessage("coco-17", None))
        answers += [stream.take(PoseMessage(pose(track, row))) for row in range(len(track))]
    assert sum(answer is not None for answer in answers) == 2
