"""Pictures as media of one frame."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from posemill.errors import UnreadableMedia
from posemill.video.decode import read_frame, read_frames, sample_frames
from posemill.video.encode import VideoWriter
from posemill.video.probe import probe
from posemill.video.sandboxed import probe_sandboxed
from posemill.video.still import still_kind

PICTURE = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((16, 16), np.uint8))
RGB = np.repeat(PICTURE[..., None], 3, -1)


def written(folder: Path, name: str) -> Path:
    Image.fromarray(RGB).save(folder / name)
    return folder / name


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "jpeg"), ("a.png", "png"), ("a.webp", "webp")])
def test_a_picture_is_one_frame_that_lasts_a_second(tmp_path: Path, name: str, kind: str) -> None:
    path = written(tmp_path, name)
    found = probe(path)
    assert (found.width_px, found.height_px, found.frames, found.fps, found.duration_s) == (64, 48, 1, 1.0, 1.0)
    assert (found.codec, still_kind(path)) == (kind, kind)
    (frame,) = read_frames(path)
    assert (frame.index, frame.time_s) == (0, 0.0)
    assert np.abs(frame.image.astype(int) - RGB).mean() < 4
    assert list(read_frames(path, start=1)) == []
    assert read_frame(path, 0.7).index == 0
    assert len(sample_frames(path, 3)) == 3
    assert probe_sandboxed(path) == found


def test_a_picture_is_upright_by_its_exif(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter
    Image.fromarray(RGB).save(tmp_path / "a.jpg", exif=exif)
    assert (probe(tmp_path / "a.jpg").width_px, probe(tmp_path / "a.jpg").height_px) == (48, 64)


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
def test_an_animation_is_no_picture(tmp_path: Path, name: str) -> None:
    shades = [Image.fromarray(RGB // shade) for shade in (1, 2, 3)]
    shades[0].save(tmp_path / name, save_all=True, append_images=shades[1:], duration=100)
    with pytest.raises(UnreadableMedia, match="an animation of 3 pictures"):
        probe(tmp_path / name)
    with pytest.raises(UnreadableMedia, match="write it as a video"):
        next(read_frames(tmp_path / name))


def test_the_depth_in_a_phones_jpeg_is_no_animation(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.fromarray(RGB // 2)])
    assert probe(tmp_path / "a.jpg").frames == 1


def test_a_stream_of_jpeg_pictures_is_a_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mjpeg"
    path.write_bytes(b"".join(cv2.imencode(".jpg", RGB + level)[1].tobytes() for level in range(5)))
    assert still_kind(path) is None
    assert probe(path).frames == 5


def test_videos_are_no_pictures_and_broken_pictures_are_told(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "v.mp4", 25, 64, 48) as writer:
        writer.write(RGB)
    assert still_kind(tmp_path / "v.mp4") is None
    path = written(tmp_path, "b.png")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UnreadableMedia, match=r"b\.png is not a picture"):
        probe(path)
