from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from posemill.errors import InputError, Unavailable
from posemill.store import files, media
from posemill.store.media import MediaStore, digest_of


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"moving pictures" * 10_000)
    return path


def files_under(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def test_the_same_bytes_are_stored_once(tmp_path: Path, video: Path) -> None:
    store = MediaStore(str(tmp_path / "store"))
    digest = store.put(video)
    other = tmp_path / "copy.mp4"
    other.write_bytes(video.read_bytes())
    assert digest == hashlib.sha256(video.read_bytes()).hexdigest() == digest_of(video) == store.put(other)
    assert files_under(tmp_path / "store") == [tmp_path / "store" / "media" / digest[:2] / digest]
    assert store.fetch(digest).read_bytes() == video.read_bytes()
    assert store.put_bytes(video.read_bytes()) == digest


def test_a_remote_store_gives_a_checked_local_copy(tmp_path: Path, video: Path) -> None:
    url = f"memory://{tmp_path.name}"
    store = MediaStore(url, cache=tmp_path / "cache")
    digest, small = store.put(video), store.put_bytes(b"small")
    assert store.has(digest)
    assert not store.has("0" * 64)
    assert store.fetch(digest).read_bytes() == video.read_bytes()
    assert store.fetch(small).read_bytes() == b"small"
    store.fetch(small).write_bytes(b"spoilt")
    assert store.fetch(small).read_bytes() == b"small"
    store._fs.pipe_file(store.location(digest), b"changed")
    store.fetch(digest)  # the checked copy is still right
    with pytest.raises(InputError, match="the file was changed"):
        MediaStore(url, cache=tmp_path / "other").fetch(digest)
    assert files_under(tmp_path / "other") == []
    with pytest.raises(InputError, match="has no file"):
        store.fetch("0" * 64)


def test_changed_bytes_are_found(tmp_path: Path, video: Path) -> None:
    store = MediaStore(str(tmp_path / "store"))
    digest = store.put(video)
    store.fetch(digest).write_bytes(b"something else")
    with pytest.raises(InputError, match=f"expected digest {digest[:16]}…, the bytes have .*: the file was changed"):
        store.fetch(digest)
    with pytest.raises(InputError, match="has no file"):
        store.fetch("0" * 64)
    with pytest.raises(InputError, match="is no SHA-256"):
        store.fetch("../../etc/passwd")


@pytest.mark.parametrize("put", ["put", "put_bytes"])
def test_a_full_disk_leaves_nothing_and_says_so(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch, put: str
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = MediaStore(str(tmp_path / "store"))
    given: Any = video if put == "put" else video.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="the disk is full; free space, then repeat"):
        getattr(store, put)(given)
    assert files_under(tmp_path / "store") == []
    monkeypatch.undo()
    assert store.fetch(getattr(store, put)(given)).read_bytes() == video.read_bytes()


@pytest.mark.skipif(not os.access("/dev/full", os.W_OK), reason="this system has no device that is always full")
def test_a_device_that_is_really_full_is_told_as_such(video: Path) -> None:
    with pytest.raises(Unavailable, match="the disk is full"), files.as_unavailable("it cannot be stored"):
        media.copy_durably(video, Path("/dev/full"))


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(media, "copy_durably", stopped)
    with pytest.raises(KeyboardInterrupt):
        MediaStore(str(tmp_path / "store")).put(video)
    assert files_under(tmp_path / "store") == []


def test_a_source_that_changes_while_it_is_copied_is_not_stored(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(source: Path, target: Path) -> None:
        target.write_bytes(b"another take")

    monkeypatch.setattr(media, "copy_durably", changing)
    with pytest.raises(InputError, match="the file was changed"):
        MediaStore(str(tmp_path / "store")).put(video)
    assert files_under(tmp_path / "store") == []


@pytest.mark.parametrize("damaged", [b"", b"moving", b"x" * 150_000])
def test_a_damaged_file_is_replaced_by_the_same_bytes_again(tmp_path: Path, video: Path, damaged: bytes) -> None:
    store, other = MediaStore(str(tmp_path / "store")), MediaStore(str(tmp_path / "bytes"))
    whole = video.read_bytes()
    assert len(whole) == 150_000
    for place, put in ((store, lambda: store.put(video)), (other, lambda: other.put_bytes(whole))):
        digest = put()
        stored = place.local_path(digest)
        assert stored is not None
        stored.write_bytes(damaged)
        assert put() == digest
        assert place.fetch(digest).read_bytes() == whole
        assert files_under(Path(place.url)) == [stored]


def test_a_remote_file_that_is_cut_is_replaced(tmp_path: Path, video: Path) -> None:
    store = MediaStore(f"memory://{tmp_path.name}", cache=tmp_path / "cache")
    digest, small = store.put(video), store.put_bytes(b"small")
    for name in (digest, small):
        store._fs.pipe_file(store.location(name), b"sm")
    assert (store.put(video), store.put_bytes(b"small")) == (digest, small)
    assert store.fetch(digest).read_bytes() == video.read_bytes()
    assert store.fetch(small).read_bytes() == b"small"


def test_a_damaged_file_stays_where_the_disk_is_full(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = MediaStore(str(tmp_path / "store"))
    stored = store.fetch(store.put(video))
    stored.write_bytes(b"damaged")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="the disk is full"):
        store.put(video)
    assert files_under(tmp_path / "store") == [stored]
    assert stored.read_bytes() == b"damaged"
