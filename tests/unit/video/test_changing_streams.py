"""Videos whose size, orientation or clock changes on the way, and files with several videos."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

from fixtures.media import film
from posemill.video.decode import read_frame, read_frames
from posemill.video.probe import probe

SHORT_GROUPS = {"g": "10", "bf": "0"}


def pictures(path: Path, start: int = 0) -> NDArray[np.int64]:
    return np.stack([frame.image for frame in read_frames(path, start=start)]).astype(np.int64)


def filtered(source: Path, target: Path, bitstream_filter: str, packets: range) -> Path:
    """The packets of a video, of which these went through a bitstream filter."""
    with av.open(str(source)) as given, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        changing, passing = (
            BitStreamFilterContext(name, given.streams.video[0], stream) for name in (bitstream_filter, "null")
        )
        for number, packet in enumerate(p for p in given.demux(video=0) if p.size):
            for each in (changing if number in packets else passing).filter(packet):
                out.mux(each)
    return target


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_an_orientation_in_keyframes_holds_for_the_pictures_between(ending: str, tmp_path: Path) -> None:
    plain = film(tmp_path / f"plain.{ending}", 30, options=SHORT_GROUPS)
    asks = "h264_metadata=display_orientation=insert:flip=horizontal"
    mirrored = filtered(plain, tmp_path / f"mirrored.{ending}", asks, range(30))
    assert probe(mirrored).mirrored
    np.testing.assert_array_equal(pictures(mirrored), pictures(plain)[:, :, ::-1])
    np.testing.assert_array_equal(pictures(mirrored, start=17), pictures(plain, start=17)[:, :, ::-1])


def test_an_orientation_that_is_said_once_holds(tmp_path: Path) -> None:
    plain = film(tmp_path / "plain.mp4", 30, options=SHORT_GROUPS)
    asks = "h264_metadata=display_orientation=insert:flip=vertical"
    once = filtered(plain, tmp_path / "once.mp4", asks, range(1))
    for start in (0, 25):
        np.testing.assert_array_equal(pictures(once, start), pictures(plain, start)[:, ::-1])


def test_a_phone_that_is_turned_keeps_its_proportions(tmp_path: Path) -> None:
    """From the 10th picture on it is shown upright: 48 x 64 within 64 x 48 is 36 wide and 48 high, in the middle."""
    plain = film(tmp_path / "plain.mp4", 20, options=SHORT_GROUPS)
    asks = "h264_metadata=display_orientation=insert:rotate=90"
    turned = filtered(plain, tmp_path / "turned.mp4", asks, range(10, 20))
    found, before = pictures(turned), pictures(plain)
    assert found.shape == (20, 48, 64, 3)
    np.testing.assert_array_equal(found[:10], before[:10])
    assert not found[10:, :, :14].any()
    assert not found[10:, :, 50:].any()
    for image, stored in zip(found[10:], before[10:], strict=True):
        upright = np.rot90(stored, 1)[::4, ::4]  # every fourth pixel of 64 rows is every third of 48
        assert np.abs(image[::3, 14:50:3] - upright).mean() < 15


def test_a_stream_that_changes_its_size_keeps_its_proportions(tmp_path: Path) -> None:
    """Transport streams may be glued: 48 x 96 after 96 x 48 becomes 24 wide and 48 high."""
    wide = film(tmp_path / "wide.ts", 10, size=(96, 48))
    high = film(tmp_path / "high.ts", 10, size=(48, 96))
    both = tmp_path / "both.ts"
    both.write_bytes(wide.read_bytes() + high.read_bytes())
    found = pictures(both)
    assert found.shape == (20, 48, 96, 3)
    assert not found[11:, :, :36].any()
    assert not found[11:, :, 60:].any()
    assert (found[11:, 2:-2, 40:56].mean((1, 2, 3)) > 20).all()


@pytest.mark.parametrize("offset_s", [3600, 95_000])
@pytest.mark.parametrize("later_first", [True, False])
def test_a_clock_that_is_set_anew(offset_s: int, later_first: bool, tmp_path: Path) -> None:
    """Glued transport streams of different clocks: 40 pictures at 25 a second are 1.6 s, whatever is between them."""
    early, late = film(tmp_path / "early.ts", 20, options=SHORT_GROUPS), tmp_path / "late.ts"
    with av.open(str(early)) as given, av.open(str(late), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size and packet.pts is not None and packet.dts is not None:
                packet.pts, packet.dts = packet.pts + offset_s * 90_000, packet.dts + offset_s * 90_000
                packet.stream = stream
                out.mux(packet)
    parts = [late, early] if later_first else [early, late]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    facts, frames = probe(both), list(read_frames(both))
    assert (facts.frames, facts.fps, facts.duration_s) == (40, pytest.approx(25), pytest.approx(1.6))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(40)])
    np.testing.assert_array_equal(read_frame(both, 1.2 + 0.001).image, frames[30].image)


def test_a_clock_that_passes_its_largest_value(tmp_path: Path) -> None:
    """33 bits of 90 kHz end after 26.5 hours; recorders that run for long pass that in the middle of a file."""
    wraps = film(tmp_path / "wraps.ts", 50, times_ms=[95_442_718 + 40 * n for n in range(50)], options=SHORT_GROUPS)
    assert (probe(wraps).frames, probe(wraps).duration_s) == (50, pytest.approx(2.0))
    assert [frame.time_s for frame in read_frames(wraps)] == pytest.approx([n / 25 for n in range(50)], abs=1e-4)


def test_a_gap_in_one_clock_stays(tmp_path: Path) -> None:
    """Nothing happens for 20 s in a screen recording: MP4 has one clock, and the gap is real."""
    still = film(tmp_path / "still.mp4", times_ms=[0, 40, 80, 20_080, 20_120])
    assert probe(still).duration_s == pytest.approx(20.12, rel=0.3)
    assert [frame.time_s for frame in read_frames(still)] == pytest.approx([0, 0.04, 0.08, 20.08, 20.12], abs=1e-3)


def together(target: Path, *paths: Path) -> Path:
    """The videos of these files as streams of one."""
    with av.open(str(target), "w") as out:
        for path in paths:
            out.add_stream_from_template(av.open(str(path)).streams.video[0])
        for stream, path in zip(out.streams.video, paths, strict=True):
            for packet in av.open(str(path)).demux(video=0):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
    return target


def test_a_larger_stream_that_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    large = film(tmp_path / "large.mkv", 5, codec="snow", size=(128, 96))
    small = film(tmp_path / "small.mkv", 30)
    both = together(tmp_path / "both.mkv", large, small)
    assert (probe(both).width_px, probe(both).frames) == (64, 30)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_thumbnails_before_the_recording_are_passed_over(ending: str, tmp_path: Path) -> None:
    small, large = (film(tmp_path / f"{n}.{ending}", n, size=size) for n, size in ((5, (32, 24)), (30, (64, 48))))
    both = together(tmp_path / f"both.{ending}", small, large)
    assert (probe(both).width_px, probe(both).frames) == (64, 30)
    np.testing.assert_array_equal(pictures(both), pictures(large))
