"""Probing: known files, and every way in which a file can be none."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from fixtures.media import turned
from posemill.errors import UnreadableMedia
from posemill.video.encode import VideoWriter
from posemill.video.probe import probe


def write_video(path: Path, frames: int = 20, fps: float = 25, size: tuple[int, int] = (64, 48)) -> Path:
    width, height = size
    noise = np.random.default_rng(0)
    with VideoWriter(path, fps, width, height) as writer:
        for _ in range(frames):
            writer.write(noise.integers(0, 255, (height, width, 3), dtype=np.uint8))
    return path


def test_known_video(tmp_path: Path) -> None:
    found = probe(write_video(tmp_path / "a.mp4", frames=30, fps=12.5))
    assert (found.width_px, found.height_px, found.frames, found.codec, found.rotation) == (64, 48, 30, "h264", 0)
    assert found.fps == pytest.approx(12.5)
    assert found.duration_s == pytest.approx(30 / 12.5)


def test_sides_are_those_of_the_upright_picture(tmp_path: Path) -> None:
    found = probe(turned(write_video(tmp_path / "phone.mp4")))
    assert (found.width_px, found.height_px, found.rotation) == (48, 64, 90)


def test_a_matrix_of_nothing_turns_nothing(tmp_path: Path) -> None:
    assert probe(turned(write_video(tmp_path / "odd.mp4"), (0,) * 9)).rotation == 0


def test_a_variable_rate_gives_the_mean(tmp_path: Path) -> None:
    path = tmp_path / "variable.mp4"
    with VideoWriter(path, 30, 64, 48) as writer:
        for time_s in (0.0, 0.1, 0.15, 0.4, 1.0):
            writer.write(np.full((48, 64, 3), 90, np.uint8), time_s)
    assert probe(path).fps == pytest.approx(4 / 1.0, rel=0.03)


def test_one_frame(tmp_path: Path) -> None:
    found = probe(write_video(tmp_path / "one.mp4", frames=1))
    assert found.frames == 1
    assert found.duration_s > 0


def _truncated(folder: Path) -> Path:
    path = write_video(folder / "cut.mp4", frames=60)  # the index comes first, so the file still opens
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _header_only(folder: Path) -> Path:
    path = write_video(folder / "head.mp4")
    path.write_bytes(path.read_bytes()[:100])
    return path


def _empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def _text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("not a video at all\n" * 50)
    return path


def _sound(folder: Path) -> Path:
    path = folder / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 800, "NONE", "none"))
        file.writeframes(b"\0\0" * 800)
    return path


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_empty, "empty"),
        (_text, "not a video"),
        (_sound, "only audio"),
        (_truncated, "truncated"),
        (_header_only, "no video stream"),
        (lambda folder: folder / "gone.mp4", "not a file"),
    ],
)
def test_unreadable(tmp_path: Path, make: object, reason: str) -> None:
    with pytest.raises(UnreadableMedia, match=reason):
        probe(make(tmp_path))  # type: ignore[operator]


@pytest.mark.material
def test_every_real_clip_is_read(material: Path) -> None:
    rows = [line.split("\t") for line in (material / "clips" / "INDEX.tsv").read_text().splitlines()[1:]]
    for name, _, _, frames, fps, size, *_ in rows:
        found = probe(material / "clips" / name)
        width_px, height_px = map(int, size.split("x"))  # as stored: two of the clips have pixels that are not square
        with av.open(str(material / "clips" / name), metadata_errors="ignore") as container:
            ratio = container.streams.video[0].sample_aspect_ratio or 1
        shown_px = width_px if abs(ratio - 1) < 0.01 else round(width_px * ratio)
        assert (found.width_px, found.height_px) == (shown_px, height_px)
        assert found.fps == pytest.approx(float(fps), abs=0.01)
        assert abs(found.frames - int(frames)) <= 1  # old AVI files count a frame that has no picture
