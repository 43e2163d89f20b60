from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.media import film
from posemill.labelling import duration_estimate
from posemill.labelling.duration_estimate import estimate_frames
from posemill.store.media import MediaStore


@pytest.fixture
def store(tmp_path: Path) -> MediaStore:
    return MediaStore(str(tmp_path / "store"))


def test_a_few_videos_speak_for_all(store: MediaStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = store.put(film(tmp_path / "short.mp4", 10))
    long = store.put(film(tmp_path / "long.mp4", 30))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    broken = store.put(tmp_path / "broken.mp4")
    assert estimate_frames([short, long], store, 1) == 40
    assert estimate_frames([short, long], store, 4) == 3 + 8
    assert estimate_frames([short, broken], store, 1) == 10
    monkeypatch.setattr(duration_estimate, "SAMPLE", 2)
    assert estimate_frames([short, broken, long, broken], store, 1) == 80


def test_what_is_not_on_this_machine_says_nothing(store: MediaStore) -> None:
    assert estimate_frames(["0" * 64], store, 1) is None
    assert MediaStore("memory://posemill").local_path("0" * 64) is None
