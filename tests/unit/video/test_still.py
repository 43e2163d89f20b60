"""Pictures as media of one frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from posemill.errors import UnreadableMedia
from posemill.video.decode import read_frame, read_frames
from posemill.video.encode import VideoWriter
from posemill.video.probe import probe
from posemill.video.sandboxed import probe_sandboxed, read_frame_sandboxed
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
    assert read_frame_sandboxed(path, 0.7).index == 0
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


def test_a_preview_behind_a_jpeg_is_no_second_picture(tmp_path: Path) -> None:
    large, small = (cv2.imencode(".jpg", image)[1].tobytes() for image in (RGB, RGB[::2, ::2]))
    (tmp_path / "a.jpg").write_bytes(large + small)
    assert probe(tmp_path / "a.jpg").frames == 1


@pytest.mark.parametrize("ending", [".mjpeg", ".avi"])
def test_a_stream_of_jpeg_pictures_with_exif(tmp_path: Path, ending: str) -> None:
    """FFmpeg takes such a stream for single pictures, and PyAV does not know the EXIF of a decoded picture."""
    exif = Image.Exif()
    exif[0x0112] = 5  # over its diagonal
    for level in range(3):
        Image.fromarray(RGB + level).save(tmp_path / f"{level}.jpg", exif=exif)
    pictures = [(tmp_path / f"{level}.jpg").read_bytes() for level in range(3)]
    path = tmp_path / f"a{ending}"
    if ending == ".avi":
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mjpeg", rate=25, width=64, height=48, pix_fmt="yuvj420p")
            for number, picture in enumerate(pictures):
                packet = av.Packet(picture)
                packet.stream, packet.pts, packet.dts = stream, number, number
                packet.time_base, packet.is_keyframe = Fraction(1, 25), True
                container.mux(packet)
    else:
        path.write_bytes(b"".join(pictures))
    assert (probe(path).frames, probe(path).width_px, probe(path).mirrored) == (3, 48, True)
    for frame in read_frames(path):
        assert np.abs(frame.image.astype(int) - RGB.transpose(1, 0, 2) - frame.index).mean() < 4


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
