from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError, Unavailable
from posemill.ingest.camera import record
from posemill.video.camera import Camera, redacted_source
from posemill.video.encode import VideoWriter
from posemill.video.probe import probe


def test_a_recording_keeps_the_sources_time_and_length(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    with VideoWriter(source, 12.5, 64, 48) as writer:
        for n in range(40):
            writer.write(np.full((48, 64, 3), 5 * n, np.uint8))
    seen: list[float] = []
    assert record(str(source), tmp_path / "taken.mp4", 2.0, seen.append) == 25
    found = probe(tmp_path / "taken.mp4")
    assert (found.width_px, found.height_px, found.frames) == (64, 48, 25)
    assert found.duration_s == pytest.approx(2.0, abs=0.01)
    assert seen == pytest.approx([n / 12.5 for n in range(25)], abs=1e-3)


def test_a_source_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a camera's number, a URL nor a file"):
        record(str(tmp_path / "gone"), tmp_path / "o.mp4", 1)
    (tmp_path / "noise.mp4").write_bytes(b"noise")
    with pytest.raises(Unavailable, match="does not open"):
        record(str(tmp_path / "noise.mp4"), tmp_path / "o.mp4", 1)
    with pytest.raises(InputError, match="above 0 seconds"):
        record("0", tmp_path / "o.mp4", 0)
    assert not (tmp_path / "o.mp4").exists()


def test_a_password_in_an_address_is_not_recorded() -> None:
    assert redacted_source("rtsp://ann:secret@cam.local:554/live?token=x") == "rtsp://cam.local:554/live"
    assert redacted_source("0") == "camera 0"
    assert redacted_source("/private/folder/a.mp4") == "a.mp4"


@pytest.mark.parametrize("timeout_s", [None, 2.0])
@pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp", "nonsense"])
def test_no_password_of_a_camera_that_is_away_is_printed(
    scheme: str, timeout_s: float | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """Libraries print by themselves, on the descriptors of the process."""
    source = f"{scheme}://ann:s3cret@127.0.0.1:1/live?token=s3cret"
    with pytest.raises(Unavailable) as caught:
        Camera(source, timeout_s=timeout_s)
    out, err = capfd.readouterr()
    assert "s3cret" not in f"{out}{err}{caught.value}"
