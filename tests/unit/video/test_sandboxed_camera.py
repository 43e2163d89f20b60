"""Streams in the sandboxed reader: frames as `Camera` gives them, and a poisoned one ends its reader alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chaos.poisoned import POISON
from posemill.errors import InputError, ReaderEnded, Unavailable
from posemill.ingest.camera import record
from posemill.video import sandboxed_camera
from posemill.video.camera import Camera
from posemill.video.probe import probe
from posemill.video.sandboxed_camera import SandboxedCamera
from stand_in_labeller import number, write_video


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "video.mp4", 3, 40)


def test_frames_are_those_of_a_camera_in_this_process(video: Path) -> None:
    with Camera(str(video)) as here, SandboxedCamera(str(video)) as there:
        assert (there.fps, there.live) == (here.fps, False)
        pairs = list(zip(here.frames(), there.frames(), strict=True))
    assert [number(frame.image) for _, frame in pairs] == [(3, n) for n in range(40)]
    for a, b in pairs:
        assert (a.index, a.time_s) == (b.index, b.time_s)
        np.testing.assert_array_equal(a.image, b.image)


def test_a_stream_by_its_address_gives_its_newest_frame(video: Path) -> None:
    with SandboxedCamera(f"file://{video}") as camera:
        indices = [frame.index for frame in camera.newest_frames()]
    assert camera.live
    assert indices[-1] == 39
    assert indices == sorted(set(indices))


def test_a_source_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a camera's number, a URL nor a file"):
        SandboxedCamera(str(tmp_path / "gone.mp4"))
    with pytest.raises(Unavailable, match="does not open"), SandboxedCamera("file:///nowhere/a.mp4"):
        pass


@pytest.mark.parametrize(
    ("kind", "says"),
    [("crash", "the reader ended"), ("hang", "it took longer than 20 s"), ("memory", "more than 3 GB of memory")],
)
def test_a_recording_keeps_what_came_before_a_poisoned_frame(
    kind: str, says: str, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(POISON)
    monkeypatch.setenv("CHAOS_POISON", f"{kind}:3:25")
    # the start of the reader is in it, and so is growing to 3 GB
    monkeypatch.setattr(sandboxed_camera, "SILENCE_S", 20.0 if kind == "hang" else 300.0)
    said: list[str] = []
    assert record(f"file://{video}", tmp_path / "taken.mp4", 60, log=said.append) >= 1
    assert len(said) == 1
    assert says in said[0]
    assert "before are kept" in said[0]
    taken = probe(tmp_path / "taken.mp4").frames
    assert 1 <= taken <= 25


def test_a_stream_without_a_sound_frame_leaves_nothing(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(POISON)
    monkeypatch.setenv("CHAOS_POISON", "crash:3:0")
    with pytest.raises(ReaderEnded, match="the reader ended"):
        record(f"file://{video}", tmp_path / "nothing.mp4", 60)
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]
