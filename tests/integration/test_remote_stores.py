"""Stores, DVC remotes and backups on S3, Google Cloud Storage, Azure Blob Storage and SSH, on real servers of each.

The servers are moto, fake-gcs-server, Azurite and OpenSSH's, on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pytest
from sqlalchemy import Engine

from erasable_workspace import dvc
from object_stores import SERVERS, ObjectStoreServer
from posemill.backup.make import back_up
from posemill.backup.objects import ObjectStore
from posemill.backup.restore import restore
from posemill.erasure import dvc_objects
from posemill.erasure.files import StoreFiles
from posemill.erasure.needles import Needles
from posemill.errors import InputError, Unavailable, UnreadableMedia
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.blob_store import BlobStore
from posemill.store.filesystems import open_filesystem
from posemill.store.media import MediaStore
from posemill.store.postgres import open_engine
from server_statement import execute

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStoreServer]:
    with (
        SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in running.env.items():
            patch.setenv(name, value)
        yield running


@dataclass
class Place:
    url: str
    cache: Path

    @property
    def media(self) -> MediaStore:
        return MediaStore(self.url, self.cache)

    def names(self) -> list[str]:
        """All files of the store, from its root."""
        fs, root = open_filesystem(self.url)
        try:
            return sorted(path.removeprefix(root).lstrip("/") for path in fs.find(root))
        except FileNotFoundError:
            return []


@pytest.fixture
def place(server: ObjectStoreServer, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A store of its own on the server."""
    return Place(f"{server.url}/{request.node.originalname}", tmp_path / "cache")


def test_media_come_back_by_digest(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(os.urandom(6_000_000))  # more than one part of an upload
    digest = place.media.put(path)
    assert place.media.put(path) == digest
    assert place.media.fetch(digest).read_bytes() == path.read_bytes()
    small = place.media.put_bytes(b"small")
    assert place.media.has(small)
    assert not place.media.has("0" * 64)
    assert place.names() == sorted(f"media/{name[:2]}/{name}" for name in (digest, small))
    with pytest.raises(InputError, match=f"has no file {'0' * 64}: add the medium again"):
        place.media.fetch("0" * 64)


def test_a_changed_object_is_found_by_its_digest(place: Place) -> None:
    digest = place.media.put_bytes(b"original")
    fs, _ = open_filesystem(place.url)
    fs.pipe_file(place.media.location(digest), b"tampered")
    with pytest.raises(InputError, match="the file was changed"):
        place.media.fetch(digest)
    assert not list(place.cache.rglob("*.part"))


def test_an_upload_that_fails_leaves_nothing(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"first")
    store = place.media
    fs = store._fs
    sent = fs.put_file

    def changed_meanwhile(source: str, target: str) -> None:
        Path(source).write_bytes(b"other")  # as long as before: only its digest tells
        sent(source, target)

    monkeypatch.setattr(fs, "put_file", changed_meanwhile)
    with pytest.raises(InputError, match="the file was changed"):
        store.put(path)
    assert place.names() == []


def test_blobs_are_replaced_and_listed(place: Place) -> None:
    blobs = BlobStore(place.url, "tracks")
    assert blobs.get("print", "m") is None
    assert not blobs.has("print", "m")
    assert blobs.names("print") == set()
    blobs.put("print", "m", b"1")
    blobs.put("print", "m", b"22")
    blobs.put("print", "n", b"3")
    assert blobs.get("print", "m") == b"22"
    assert blobs.names("print") == {"m", "n"}
    assert BlobStore(place.url, "tracks").names("print", "m") == {"m"}
    assert place.names() == ["tracks/print/m/m.parquet", "tracks/print/n/n.parquet"]


def test_what_another_process_wrote_is_seen(place: Place) -> None:
    mine, code = BlobStore(place.url, "poses"), "import sys; from posemill.store.blob_store import BlobStore as B;"
    assert mine.names("print") == set()
    code += "B(sys.argv[1], 'poses').put('print', 'theirs', b'4')"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, place.url], check=True, timeout=120)
    assert mine.has("print", "theirs")
    assert mine.names("print") == {"theirs"}


def test_dvc_pushes_and_pulls(server: ObjectStoreServer, tmp_path: Path) -> None:
    def run(*command: str) -> None:
        env = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr

    dvc = (sys.executable, "-W", "ignore", "-m", "dvc")
    run(*dvc, "init", "-q", "--no-scm")
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "a.parquet").write_bytes(os.urandom(100_000))
    (tmp_path / "build" / "b.json").write_text("{}")
    before = {p.name: p.read_bytes() for p in (tmp_path / "build").iterdir()}
    run(*dvc, "add", "-q", "build")
    run(*dvc, "remote", "add", "-q", "-d", "team", f"{server.url.replace('az://', 'azure://')}/dvc")
    for option, value in server.dvc.items():
        run(*dvc, "remote", "modify", "-q", "--local", "team", option, value)
    run(*dvc, "push", "-q")
    for folder in ("build", ".dvc/cache"):
        subprocess.run(["rm", "-r", str(tmp_path / folder)], check=True)
    run(*dvc, "pull", "-q")
    assert {p.name: p.read_bytes() for p in (tmp_path / "build").iterdir()} == before


@pytest.fixture
def empty(database: str) -> Iterator[str]:
    """The address of a database without any table."""
    name = f"{database.rsplit('/', 1)[1]}_restored"
    execute(database, f"CREATE DATABASE {name} TEMPLATE template0")
    yield f"{database.rsplit('/', 1)[0]}/{name}"
    execute(database, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def stored(database: str, place: Place, tmp_path: Path) -> Iterator[tuple[Settings, Engine]]:
    """A workspace whose media are on the server."""
    root = tmp_path / "here"
    root.mkdir()
    (root / "notes.txt").write_text("a")
    settings = Settings(root, root / ".posemill", database_url=database, store_url=f"{place.url}/store")
    engine = open_engine(settings)
    with engine.begin() as connection:
        for n in range(2):
            digest = MediaStore(settings.store_url, tmp_path / "cache").put_bytes(f"film {n}".encode())
            catalog.add_media(connection, [catalog.MediumRow(digest, "home", f"{n}.mp4", "ann")])
    yield settings, engine
    engine.dispose()


def test_backups_of_a_remote_store_go_to_the_server_and_come_back(
    stored: tuple[Settings, Engine], place: Place, tmp_path: Path, empty: str
) -> None:
    here, engine = stored
    first = back_up(here, engine, ObjectStore(f"{place.url}/backup"))
    again = back_up(here, engine, ObjectStore(f"{place.url}/backup"))
    assert first.new_objects > 2
    assert again.new_objects == 2  # the audit trail and its head: the first backup is in it
    objects = ObjectStore(f"{place.url}/backup")
    assert objects.snapshots() == sorted([first.name, again.name])
    assert not [name for name in place.names() if name.endswith(".part")]
    assert all(objects.fault(digest) is None for digest in objects.digests())
    there = Settings(
        tmp_path / "there",
        tmp_path / "there" / ".posemill",
        database_url=empty,
        store_url=f"{place.url}/restored",
    )
    restore(there, objects)
    assert (there.workspace / "notes.txt").read_text() == "a"
    kept = {name.partition("/media/")[2] for name in place.names() if name.startswith("store/")}
    assert kept == {name.partition("/media/")[2] for name in place.names() if name.startswith("restored/")}
    assert len(kept) == 2


def test_a_server_that_is_away_is_said_in_one_sentence(
    server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if not server.url.startswith("s3"):
        pytest.skip("the clients of the others ask again for minutes before they say so")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    code = (
        "import sys; from posemill.store.blob_store import BlobStore as B; from posemill.errors import Unavailable\n"
        "try: B('s3://away/store', 'tracks').get('print', 'm')\n"
        "except Unavailable as exc: print(exc)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=240, check=True
    )
    assert done.stdout.startswith("the store s3://away/store does not answer: "), done.stderr


def test_a_host_that_is_not_known_is_refused(server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    if not server.url.startswith("ssh"):
        pytest.skip("of SSH alone")
    hosts = Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    right = hosts.read_text()
    other = hosts.with_name("client.pub").read_text()
    hosts.write_text(f"{right.split(' ')[0]} {other}")
    clients = fsspec.get_filesystem_class("ssh")
    clients.clear_instance_cache()  # one that is connected is used again
    try:
        with pytest.raises(Unavailable, match=r"ssh://127.0.0.1:\d+/.* does not answer: Host key"):
            BlobStore(f"{server.url}/refused", "tracks").get("print", "m")
    finally:
        hosts.write_text(right)
        clients.clear_instance_cache()


def test_a_store_and_a_remote_of_dvc_are_erased_from(
    server: ObjectStoreServer, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hers, his = place.media.put_bytes(b"anna"), place.media.put_bytes(b"bob")
    store = StoreFiles(place.url)
    assert [store.remove(path) for path in store.of({hers})] == [True]
    assert store.paths() == [f"media/{his[:2]}/{his}"]
    assert place.media.discard(his, "keypoints-only")
    with pytest.raises(UnreadableMedia, match=r"is gone, it was removed on .* \(keypoints-only\)"):
        place.media.fetch(his)
    root = tmp_path / "workspace"
    root.mkdir()
    monkeypatch.chdir(root)
    dvc(root, "init", "-q", "--no-scm")
    dvc(root, "remote", "add", "-d", "away", f"{server.url.replace('az://', 'azure://')}/{tmp_path.name}")
    for option, value in server.dvc.items():
        dvc(root, "remote", "modify", "--local", "away", option, value)
    for name, content in (("hers", f"medium {hers}\n"), ("his", f"medium {his}\n")):
        (root / name).write_text(content)
        dvc(root, "add", "-q", name)
    dvc(root, "push", "-q")
    where = dvc_objects.places(root)
    assert [len(p.objects) for p in where] == [2, 2]
    _, objects = dvc_objects.objects_of(root, where, Needles(frozenset({hers})))
    assert len(objects) == 1
    assert [dvc_objects.remove_objects(p, objects) for p in where] == [1, 1]
    assert [set(p.objects) & objects for p in dvc_objects.places(root)] == [set(), set()]
    assert [len(p.objects) for p in dvc_objects.places(root)] == [1, 1]
