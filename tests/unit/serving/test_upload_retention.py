"""What is kept of uploads: nothing, unless it is asked for and a client disagrees."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from posemill.serving.upload_retention import retain, start_cleanup, store_upload
from posemill.store.media import MediaStore

DIGEST = hashlib.sha256(b"clip").hexdigest()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("POSEMILL_STORE_URL", "POSEMILL_JOB_KEEP_S"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POSEMILL_KEEP_UPLOADS", "1")
    return tmp_path / "home"


def upload(home: Path, content: bytes = b"clip") -> Path:
    path = home.parent / "upload.mp4"
    path.write_bytes(content)
    return path


def test_an_upload_waits_and_is_kept_once_it_is_judged(home: Path) -> None:
    path = upload(home)
    retain(path)
    assert not path.exists()
    assert not MediaStore(str(home / "store")).has(DIGEST)
    assert not store_upload("0" * 64)
    assert store_upload(DIGEST)
    assert MediaStore(str(home / "store")).fetch(DIGEST).read_bytes() == b"clip"
    assert list((home / "uploads").iterdir()) == []
    assert (home / "uploads").stat().st_mode & 0o077 == 0


def test_what_nobody_judged_goes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retain(upload(home))
    os.utime(home / "uploads" / DIGEST, (0, 0))
    retain(upload(home, b"another"))
    assert [p.name for p in (home / "uploads").iterdir()] == [hashlib.sha256(b"another").hexdigest()]


def test_what_an_earlier_service_left_goes_without_another_upload(home: Path) -> None:
    retain(upload(home))
    left, waits = home / "uploads" / DIGEST, home / "uploads" / "waits"
    os.utime(left, (0, 0))
    waits.write_bytes(b"another")
    start_cleanup()
    until = time.monotonic() + 120
    while left.exists() and time.monotonic() < until:
        time.sleep(0.01)
    assert (left.exists(), waits.exists()) == (False, True)


def test_unasked_or_without_room_nothing_stays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posemill.serving.upload_retention.MOST_BYTES", 3)
    path = upload(home)
    retain(path)
    monkeypatch.setenv("POSEMILL_KEEP_UPLOADS", "0")
    retain(upload(home))
    assert not path.exists()
    assert list((home / "uploads").iterdir()) == []
    assert not store_upload(DIGEST)
