"""One loop for tracks, files and cameras: the same object, the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bright_square import BrightSquare
from fixtures.media import film
from made_up_tracks import made_up
from posemill.applications.live import open_source, opened_tracks
from posemill.applications.run import Collector, run, steps
from posemill.applications.sources import Stream, first_seconds, stream_of_tracks
from posemill.errors import InputError, Unavailable, UnreadableMedia
from posemill.estimation.estimator import PoseEstimator
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import FrameTimes, MediumTracks, PoseTrack
from posemill.synth.corpus import Plan, stage, write
from posemill.video.camera import Camera, newest
from posemill.video.decode import Frame
from stand_in_application import Presence


@pytest.fixture
def estimator() -> PoseEstimator:
    return PoseEstimator.from_backend(BrightSquare())


def test_stored_tracks_are_given_frame_by_frame() -> None:
    tracks = made_up(1)
    frames = list(stream_of_tracks(tracks, "made up").frames)
    assert [frame.frame for frame in frames] == list(range(12))
    for track in tracks.tracks:
        rows = {f.frame: f.people[track.person] for f in frames if track.person in f.people}
        assert list(rows) == track.frame.tolist()
        np.testing.assert_array_equal(np.stack([pose.xy for pose in rows.values()]), track.xy)


def test_frames_without_people_are_given_too() -> None:
    track = PoseTrack.from_numpy(np.ones((1, 17, 2)), COCO_17, fps=25)
    analysed = FrameTimes(np.array([0, 2, 4], np.int32), np.array([0.0, 0.1, 0.2]))
    tracks = MediumTracks("a", "imported", COCO_17, 64, 48, 3, 0.2, (track,), analysed)
    frames = list(stream_of_tracks(tracks).frames)
    assert [(frame.frame, len(frame.people)) for frame in frames] == [(0, 1), (2, 0), (4, 0)]


def test_a_result_has_what_was_said() -> None:
    result = run(Presence(alarm_after_s=0.2), stream_of_tracks(made_up(2), "made up"))
    assert [(e.kind, e.person) for e in result.events_of("came")] == [("came", 0), ("came", 1)]
    assert [e.person for e in result.events_of("stays")] == [0, 1]
    assert {m.name for m in result.measurements} == {"time_in_view"}
    assert result.summary == {"frames": 12, "alarms": 2}
    assert (result.frames, result.people, result.source) == (12, 2, "made up")
    assert result.params == {"alarm_after_s": 0.2}
    assert result.notice == "Not a medical device."


def test_an_object_can_be_run_again() -> None:
    application = Presence()
    assert run(application, stream_of_tracks(made_up(3))) == run(application, stream_of_tracks(made_up(3)))


def test_events_come_with_their_frame() -> None:
    for step in steps(Presence(alarm_after_s=0.2), stream_of_tracks(made_up(2))):
        assert step.frame is None or all(output.time_s == step.frame.time_s for output in step.outputs)


def test_a_result_of_an_endless_stream_keeps_the_newest() -> None:
    stream = stream_of_tracks(made_up(2))
    application = Presence()
    collector = Collector(application, stream, most=1)
    for step in steps(application, stream):
        collector.add(step)
    assert [event.person for event in collector.result().events] == [1]


def test_no_frame_after_the_given_seconds_is_asked_for() -> None:
    asked: list[float] = []
    stream = stream_of_tracks(made_up(2))

    def watched() -> Any:
        for frame in stream.frames:
            asked.append(frame.time_s)
            yield frame

    frames = list(first_seconds(Stream(stream.facts, watched()), 0.2).frames)
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
    assert len(asked) == 6


def test_a_camera_and_a_file_get_the_same_answers(
    estimator: PoseEstimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Camera, "newest_frames", Camera.frames)  # this stream comes faster than any camera's
    video = film(tmp_path / "a.mp4", frames=60, size=(320, 240))
    with open_source(str(video), estimator) as opened:
        of_file = run(Presence(), opened.stream)
    assert [event.kind for event in of_file.events] == ["came", "stays"]
    with open_source(f"file://{video}", estimator) as opened:
        of_stream = run(Presence(alarm_after_s=0), opened.stream)
    assert [event.kind for event in of_stream.events] == ["came", "stays"]
    assert of_stream.people == of_file.people == 1


def test_a_camera_sees_the_poses_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real network and its rotation: only the times differ, which are those of the frames' coming."""
    monkeypatch.setattr(Camera, "newest_frames", Camera.frames)
    estimator = PoseEstimator("posenet", threads=1, long_edge_px=129)
    video = write(stage(Plan(3, 1, "walk", 0)), tmp_path)
    poses = []
    for source in (str(video), f"file://{video}"):
        with open_source(source, estimator) as opened:
            poses.append([p.xy for frame in opened.stream.frames for p in frame.people.values()])
    of_file, of_camera = poses
    assert len(of_file) > 20
    # OpenCV converts colours a little otherwise than PyAV
    middle = min(len(of_file), len(of_camera)) // 2
    np.testing.assert_allclose(of_camera[middle], of_file[middle], atol=6)


def test_a_file_brings_a_picture_for_every_frame(estimator: PoseEstimator, tmp_path: Path) -> None:
    with open_source(str(film(tmp_path / "a.mp4", frames=30)), estimator) as opened:
        assert opened.pictures is not None
        assert opened.fps == pytest.approx(25)
        pairs = list(zip(opened.stream.frames, opened.pictures, strict=True))
    assert len(pairs) == opened.frames == 30
    for frame, image in pairs:
        for pose in frame.people.values():
            x, y = pose.xy.mean(0).astype(int)
            assert image[y, x].min() > 100  # on the bright square of that very picture


def test_stored_tracks_bring_the_pictures_of_their_video(estimator: PoseEstimator, tmp_path: Path) -> None:
    tracks = estimator.track(film(tmp_path / "a.mp4", frames=20))
    opened = opened_tracks(tracks, "a")
    assert opened.pictures is not None
    assert len(list(opened.pictures)) == len(list(opened.stream.frames)) == 20
    assert opened_tracks(made_up(1), "b").pictures is None


def test_what_is_no_source_is_said(estimator: PoseEstimator, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(UnreadableMedia), open_source(str(tmp_path / "a.mp4"), estimator):
        pass
    with pytest.raises(Unavailable, match="does not open"), open_source("file:///nowhere/a.mp4", estimator):
        pass


def test_the_newest_frame_is_given_to_who_is_slow() -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    assert [frame.index for frame in newest(Frame(n, n / 25, image) for n in range(1))] == [0]

    def broken() -> Any:
        yield Frame(0, 0.0, image)
        raise OSError("cable")

    with pytest.raises(OSError, match="cable"):
        list(newest(broken()))


def test_wrong_parameters_are_all_named() -> None:
    with pytest.raises(InputError, match=r"alarm_after_s.*-1.*it has alarm_after_s"):
        Presence(alarm_after_s=-1)
    with pytest.raises(InputError, match="alarm_aftr_s"):
        Presence.from_values({"alarm_aftr_s": 3})
