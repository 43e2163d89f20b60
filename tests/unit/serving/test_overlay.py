"""What is drawn over a video: sizes, times, captions, and skeletons where the people are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fixtures.media import film
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.serving import overlay as module
from posemill.serving.overlay import draw
from posemill.serving.schemas.activity import Person, Segment
from posemill.video.decode import read_frames
from posemill.video.probe import probe

FRAMES, STRIDE = 10, 4


def tracks(width: int, height: int) -> MediumTracks:
    """One person in the left half, looked at in every fourth frame."""
    frame = np.arange(0, FRAMES, STRIDE, dtype=np.int32)
    xy = np.random.default_rng(0).uniform([0.1 * width, 0.2 * height], [0.4 * width, 0.9 * height], (17, 2))
    n = len(frame)
    track = PoseTrack(
        COCO_17,
        0,
        frame,
        frame / 25,
        np.repeat(xy[None], n, 0).astype(np.float32),
        np.ones((n, 17), np.float32),
        np.zeros(n, np.uint8),
    )
    return MediumTracks("0" * 64, "toy", COCO_17, width, height, n, FRAMES / 25, (track,))


def person(until_s: float) -> Person:
    segment = Segment(start_s=0, end_s=until_s, activity="wäve", probability=0.873)
    return Person(person=0, start_s=0, end_s=0.32, poses=3, verdict=None, segments=[segment])


def drawn(folder: Path, video: Path, size: tuple[int, int]) -> list[float]:
    shares: list[float] = []
    draw(video, tracks(*size), [person(1.0)], STRIDE, folder / "o.mp4", folder / "s.jpg", shares.append)
    return shares


def test_every_frame_has_the_skeleton_also_between_those_looked_at(tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4", FRAMES, size=(96, 64))
    shares = drawn(tmp_path, video, (96, 64))
    assert shares == pytest.approx((np.arange(FRAMES) + 1) / FRAMES)
    before, after = list(read_frames(video)), list(read_frames(tmp_path / "o.mp4"))
    assert [f.time_s for f in after] == pytest.approx([f.time_s for f in before], abs=1e-4)
    for a, b in zip(before, after, strict=True):
        changed = np.abs(a.image.astype(int) - b.image).mean(-1)
        assert changed[:, :48].mean() > 3 * changed[:, 60:].mean()
    assert (tmp_path / "s.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_large_pictures_become_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_EDGE_PX", 48)
    drawn(tmp_path, film(tmp_path / "a.mp4", FRAMES, size=(96, 64)), (96, 64))
    found = probe(tmp_path / "o.mp4")
    assert (found.width_px, found.height_px, found.codec) == (48, 32, "h264")


def test_the_caption_is_what_is_done_at_that_time() -> None:
    everybody = tracks(96, 64)
    (track,) = everybody.tracks
    says = module.captions([person(0.2)])
    rows = [module.Drawn(track, row) for row in range(3)]  # at 0, 0.16 and 0.32 s
    assert [says(row) for row in rows] == ["0 w?ve 87%", "0 w?ve 87%", "0"]


def test_a_stopped_drawing_leaves_no_file(tmp_path: Path) -> None:
    def stop(share: float) -> None:
        raise InterruptedError

    video = film(tmp_path / "a.mp4", FRAMES)
    with pytest.raises(InterruptedError):
        draw(video, tracks(64, 48), [], STRIDE, tmp_path / "o.mp4", tmp_path / "s.jpg", stop)
    assert list(tmp_path.iterdir()) == [video]


def test_frames_at_nearly_the_same_time_are_one(tmp_path: Path) -> None:
    times = [module.Frame(i, t, np.zeros((2, 2, 3), np.uint8)) for i, t in enumerate([0, 1e-6, 0.04, 0.0400001, 0.08])]
    assert [f.index for f in module._distinct_times(iter(times))] == [0, 2, 4]


@pytest.mark.parametrize("asked", ["1", "0"])
def test_faces_are_blurred_where_the_service_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    blurred: list[float] = []

    class Grey:
        def __init__(self, _: MediumTracks) -> None: ...

        def blur(self, image: np.ndarray, time_s: float) -> np.ndarray:
            blurred.append(time_s)
            return np.full_like(image, 128)

    monkeypatch.setattr("posemill.estimation.overlay.FaceBlur", Grey)
    monkeypatch.setenv("POSEMILL_BLUR_FACES", asked)
    video = film(tmp_path / "a.mp4", FRAMES, size=(96, 64))
    drawn(tmp_path, video, (96, 64))
    assert len(blurred) == (FRAMES if asked == "1" else 0)
