"""Live connections to a real service, by keypoints and by frames, and with clients that behave badly.

Slow: what a WebSocket does under pressure only a real one shows. The server is that of all tests of videos.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from websockets.sync.client import connect

from packaged import SPEC, some_windows, walking_track
from posemill.pose.skeleton import COCO_17
from posemill.prediction.model import ActivityModel
from posemill.serving.client import Client
from posemill.serving.client.live import LiveStream
from posemill.serving.schemas.analysis import LiveAnswer, LivePrediction, LiveProblem
from posemill.video.decode import read_frames

pytestmark = [
    pytest.mark.slow,
    # OpenPifPaf's own plots, at its import, use what matplotlib will take away
    pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning"),
]


def until(stream: LiveStream, enough: int, seconds: float = 60) -> list[LiveAnswer]:
    came, end = list[LiveAnswer](), time.monotonic() + seconds
    while len(came) < enough and time.monotonic() < end:
        came += stream.answers(wait_s=1)
    return came


def test_keypoints_are_judged_as_the_same_stretch_of_a_track(analysis_client: Client, analysis_folder: Path) -> None:
    track = walking_track(COCO_17, fps=20, seconds=4)
    answers: list[LiveAnswer] = []
    with analysis_client.live(COCO_17) as stream:
        for row in range(len(track)):
            stream.pose(float(track.time_s[row]), track.xy[row], track.confidence[row])
            if row % 10 == 9:
                answers += stream.answers(wait_s=0.5)
        answers += until(stream, 7 - len(answers))
    assert len(answers) == 7  # after 1 s, then every half second
    predictor = ActivityModel.load(analysis_folder / "package")
    for answer in answers:
        assert isinstance(answer, LivePrediction)
        end_s = answer.time_s + 0.05
        _, _, wanted = predictor.window_probabilities(track.between(0, end_s), end_s - SPEC.duration_s, end_s)
        assert list(answer.probabilities.values()) == pytest.approx(wanted[0].tolist(), abs=1e-4)
        assert answer.dropped == 0


def test_people_are_found_in_frames_and_bad_ones_are_told(analysis_client: Client, waving_person: Path) -> None:
    with analysis_client.live() as stream:
        stream.frame(b"no picture")
        (problem,) = until(stream, 1)
        assert isinstance(problem, LiveProblem)
        assert "not a picture" in problem.error
        answers: list[LiveAnswer] = []
        for frame in read_frames(waving_person, stride=4):
            stream.frame(cv2.imencode(".jpg", frame.image[..., ::-1])[1].tobytes(), frame.time_s)
            time.sleep(0.02)
            answers += stream.answers()
        answers += until(stream, 1 - len(answers))
    assert answers
    last = answers[-1]
    assert isinstance(last, LivePrediction)
    assert last.activity is not None


def test_what_comes_too_quickly_is_dropped_and_counted_to_the_last_message(analysis_client: Client) -> None:
    """A client that sends much and reads nothing for a while: nothing piles up, and others are answered."""
    sent = 30_000
    with connect("ws" + analysis_client.url.removeprefix("http") + "/live", max_queue=1, proxy=None) as socket:
        for _ in range(sent):
            socket.send("{")
        assert len(analysis_client.predict_windows(some_windows(2)).activities) == 2
        read, answer = 0, {"dropped": 0}
        while read + answer["dropped"] < sent:
            answer = json.loads(socket.recv(timeout=30))
            read += 1
    assert read + answer["dropped"] == sent
    assert answer["dropped"] > 0


def test_a_client_that_is_gone_in_the_middle_leaves_nothing_behind(analysis_client: Client) -> None:
    for _ in range(20):
        socket = connect("ws" + analysis_client.url.removeprefix("http") + "/live", proxy=None)
        socket.send('{"skeleton": "coco-17"}')
        socket.socket.close()  # no goodbye
    with analysis_client.live(COCO_17) as stream:
        stream.pose(0.0, np.zeros((3, 2)))
        (problem,) = until(stream, 1)
    assert isinstance(problem, LiveProblem)
    assert "xy should be" in problem.error
