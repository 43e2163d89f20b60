"""What may be opened: one regular file in a format on the list, of bounded size, and nothing that it points at."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from fixtures import media as make
from posemill.errors import UnreadableMedia
from posemill.video import container
from posemill.video.container import open_file, open_video
from posemill.video.decode import read_frames
from posemill.video.probe import LONGEST_S, probe

FLIPS = 60  # damaged copies of each video


def reason(path: Path) -> str:
    with pytest.raises(UnreadableMedia) as told:
        probe(path)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "circle.mp4").symlink_to("circle.mp4")
    (tmp_path / "loose.mp4").symlink_to("gone.mp4")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(tmp_path / "socket.mp4"))
    for name, what in {
        "pipe": "a named pipe",
        "folder": "a folder",
        "circle": "in a circle",
        "loose": "a link to nothing",
        "socket": "a socket",
        "gone": "moved or deleted",
        "x" * 300: "too long",
    }.items():
        assert what in reason(tmp_path / f"{name}.mp4")
    assert "a device" in reason(Path("/dev/zero"))


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make.film(tmp_path / "a.mp4", 3)

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableMedia, match="may not be read by this user"), open_file(path):
        pass


def test_a_name_is_never_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make.film(tmp_path / "a.mp4", 3)
    (tmp_path / "concat:a.mp4|a.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert probe(Path("concat:a.mp4|a.mp4")).frames == 3
    assert "moved or deleted" in reason(Path("file:a.mp4"))


@pytest.mark.parametrize("kind", make.redirections(""))
def test_nothing_is_opened_that_a_file_points_at(tmp_path: Path, kind: str) -> None:
    """Neither an address, where somebody listens, nor a video beside the file."""
    make.film(tmp_path / "secret.mp4", 3)
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen()
        waiting.setblocking(False)
        port = waiting.getsockname()[1]
        for address in (f"http://127.0.0.1:{port}/a.mp4", str(tmp_path / "secret.mp4"), "secret.mp4"):
            for name in ("list.mp4", "list.m3u8", "list.avi"):
                (tmp_path / name).write_bytes(make.redirections(address)[kind])
                assert "not a video" in reason(tmp_path / name)
        with pytest.raises(BlockingIOError):
            waiting.accept()


def test_a_file_goes_by_its_content(tmp_path: Path) -> None:
    make.film(tmp_path / "a.mp4", 5).rename(tmp_path / "a.avi")
    make.film(tmp_path / "b.mkv", 5).rename(tmp_path / "b.mp4")
    assert probe(tmp_path / "a.avi").frames == probe(tmp_path / "b.mp4").frames == 5


def test_too_large_pictures_and_too_many_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no frame that decodes" in reason(make.huge_jpegs(tmp_path / "a.avi"))
    assert "more than 64 streams" in reason(make.many_streams(tmp_path / "b.mp4", 64))
    assert probe(make.many_streams(tmp_path / "c.mp4", 3)).frames == 3
    path = make.film(tmp_path / "d.mp4", 3)
    monkeypatch.setattr(container, "MAX_PIXELS", 64 * 48 - 1)
    assert "announces pictures of 64x48" in reason(path)


def test_times_that_no_camera_writes(tmp_path: Path) -> None:
    long = make.film(tmp_path / "long.mkv", times_ms=[0, int(LONGEST_S * 1000) + 5])
    assert "says that it lasts 3456" in reason(long)  # two frames, the second half a film later
    fast = make.boxes_patched(
        make.film(tmp_path / "fast.mp4", 30, options={"bf": "0"}), b"stts", 12, b"\0\0\0\x1e\0\0\0\1"
    )
    assert "frames per second" in reason(fast)
    assert "unpacks to" in reason(make.still(tmp_path / "still.mp4"))
    assert "8 pixels a side" in reason(make.film(tmp_path / "dot.avi", 3, "mjpeg", size=(1, 1)))


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = make.film(tmp_path / "a.mkv", 60, "mjpeg", size=(640, 480))
    assert path.stat().st_size > 150_000  # more than is read ahead
    frames = read_frames(path)
    next(frames)
    os.truncate(path, 50_000)
    with pytest.raises(UnreadableMedia, match="60 pictures and ends after"):
        list(frames)


def test_a_file_that_vanishes_while_it_is_open_is_read_to_its_end(tmp_path: Path) -> None:
    path = make.film(tmp_path / "a.mkv", 20)
    with open_video(path) as (video, stream, _):
        path.unlink()
        assert len(list(video.decode(stream))) == 20


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.mkv", "libx264"),
        ("a.avi", "mpeg4"),
        ("a.webm", "libvpx-vp9"),
        ("a.flv", "flv"),
        ("a.ts", "libx264"),
        ("a.mov", "mjpeg"),
        ("a.wmv", "wmv2"),
        ("a.mpg", "mpeg2video"),
    ],
)
def test_flipped_bytes_are_read_or_refused(tmp_path: Path, name: str, codec: str) -> None:
    """Nothing but frames or UnreadableMedia ever comes out, and soon."""
    options = {"cpu-used": "8"} if "vpx" in codec else {"bf": "0"}
    content, random = make.film(tmp_path / name, 12, codec, options=options).read_bytes(), np.random.default_rng(7)
    outcomes, began = set(), time.process_time()
    for number in range(FLIPS):
        hurt = np.frombuffer(content, np.uint8).copy()
        ends = np.r_[:600, -600:0] if number % 2 else np.arange(len(hurt))  # headers and indices, or anywhere
        hurt[random.choice(ends, 4) % len(hurt)] = random.integers(0, 256, 4)
        (tmp_path / name).write_bytes(hurt.tobytes())
        try:
            probe(tmp_path / name)
            times = [frame.time_s for frame in read_frames(tmp_path / name, 1, number % 3)]
            assert times == sorted(set(times))
            outcomes.add("read")
        except UnreadableMedia:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
    assert time.process_time() - began < 60


def test_codecs_of_old_games_are_not_tried(tmp_path: Path) -> None:
    path = make.film(tmp_path / "old.avi", 5, "asv1")
    with pytest.raises(UnreadableMedia, match=r"old\.avi holds pictures in an encoding that is not read here \(asv1\)"):
        probe(path)
