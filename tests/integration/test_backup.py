"""Backups are rehearsed: restored into an empty place, `dvc repro` finds nothing to do, and every row is the same."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from posemill.backup.make import back_up
from posemill.backup.objects import ObjectStore
from posemill.backup.restore import restore
from posemill.backup.snapshot import Snapshot
from posemill.cli.main import cli
from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import audit, catalog
from posemill.store.exchange import Exchange
from posemill.store.inventory import TABLES
from posemill.store.media import MediaStore
from posemill.store.postgres import open_engine
from posemill.store.schema import metadata
from server_statement import execute

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def other(database: str) -> Iterator[str]:
    """The address of a database without any table."""
    name = f"{database.rsplit('/', 1)[1]}_restored"
    for statement in (f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name} TEMPLATE template0"):
        execute(database, statement)
    yield f"{database.rsplit('/', 1)[0]}/{name}"
    execute(database, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def here(tmp_path: Path, database: str) -> Settings:
    """Settings of a workspace with a few rows, files and blobs."""
    root = tmp_path / "here"
    settings = Settings(root, root / ".posemill", database_url=database, store_url=str(root / ".posemill/store"))
    (root / "notes").mkdir(parents=True)
    (root / "notes/a.txt").write_text("a")
    (root / "notes/run.sh").write_text("#!/bin/sh\n")
    (root / "notes/run.sh").chmod(0o755)
    (root / "link").symlink_to("notes/a.txt")
    (root / ".venv").mkdir()
    (root / ".venv/large").write_text("made again")
    (root / ".dvc/tmp").mkdir(parents=True)
    (root / ".dvc/config.local").write_text("password")
    (root / ".posemill/keys").mkdir(parents=True)
    (root / ".posemill/keys/handover.pem").write_text("private")
    return settings


@pytest.fixture
def filled(here: Settings) -> Iterator[Engine]:
    engine = open_engine(here)
    store = MediaStore(here.store_url)
    with engine.begin() as connection:
        for n in range(3):
            digest = store.put_bytes(f"film {n}, é\n".encode())
            catalog.add_media(connection, [catalog.MediumRow(digest, "home", f"{n}.mp4", "ann")])
            catalog.add_clips(connection, [catalog.ClipRow(digest, "ann", 0.5, 1.5, 'sit, "x"\n', None)])
    yield engine
    engine.dispose()


def there(tmp_path: Path, other: str) -> Settings:
    root = tmp_path / "there"
    return Settings(root, root / ".posemill", database_url=other, store_url=str(tmp_path / "elsewhere/store"))


def rows(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {
            table.name: sorted(connection.scalars(text(f"SELECT t::text FROM {table.name} AS t")))
            for table in metadata.sorted_tables
            if table.name not in ("audit", "audit_head", *TABLES)
        }


def contents(root: Path, *skipped: str) -> dict[str, object]:
    found = [p for p in root.rglob("*") if not p.is_dir() or p.is_symlink()]
    return {
        str(p.relative_to(root)): os.readlink(p) if p.is_symlink() else (p.read_bytes(), p.stat().st_mode)
        for p in found
        if not any(part in p.parts for part in skipped)
    }


def test_everything_comes_back(here: Settings, filled: Engine, tmp_path: Path, other: str) -> None:
    url = str(tmp_path / "backup")
    exchanged = Exchange(here.store_url, "20261201T000000-abc")  # between a stage and its workers: of no use later
    exchanged.put("tracks-0.parquet", here.workspace / "notes/a.txt")
    made = back_up(here, filled, ObjectStore(url))
    exchanged.close()
    place = there(tmp_path, other)
    done = restore(place, ObjectStore(url))
    assert done.name == made.name
    expected = contents(here.workspace, ".venv", ".posemill", "config.local")
    assert contents(place.workspace, ".posemill") == expected
    assert set(expected) == {"notes/a.txt", "notes/run.sh", "link"}
    assert not (place.home / "keys").exists()
    assert contents(Path(place.store_url)) == contents(Path(here.store_url))
    engine = open_engine(place)
    assert rows(engine) == rows(filled)
    with engine.begin() as restored, filled.begin() as connection:
        assert catalog.inventory(restored) == catalog.inventory(connection)
    with engine.begin() as connection:  # numbers go on, and changes are recorded again
        medium = connection.scalar(text("SELECT max(id) FROM medium"))
        catalog.add_media(connection, [catalog.MediumRow("f" * 64, "home", "new.mp4", "ann")])
        assert connection.scalar(text("SELECT max(id) FROM medium")) == medium + 1
        connection.execute(text("DELETE FROM clip WHERE id = 1"))
    with engine.begin() as connection:
        newest = [(e["action"], e["object"]) for e in audit.entries(connection, 2)]
        assert newest == [("delete", "clip"), ("restore", url)]
        assert audit.verify(connection, audit.parse_head(made.snapshot.audit_head)).faults == ()
    engine.dispose()


def test_the_second_one_writes_only_what_is_new(here: Settings, filled: Engine, tmp_path: Path) -> None:
    url = str(tmp_path / "backup")
    first = back_up(here, filled, ObjectStore(url))
    assert first.new_objects == len(first.snapshot.objects)
    (here.workspace / "notes/b.txt").write_text("b")
    with filled.begin() as connection:
        connection.execute(text("UPDATE clip SET activity = 'stand' WHERE id = 1"))
    second = back_up(here, filled, ObjectStore(url))
    changed = second.snapshot.objects - first.snapshot.objects
    names = {t.name for t in second.snapshot.tables if t.digest in changed}
    assert names == {"clip", "audit", "audit_head"}
    assert second.new_objects == len(changed) == 4
    third = back_up(here, filled, ObjectStore(url))
    assert {t.name for t in third.snapshot.tables if t.digest not in second.snapshot.objects} == {"audit", "audit_head"}
    assert third.new_objects == 2  # the backup before is in the trail
    listed = CliRunner().invoke(cli, ["backup", "list", url, "--json"]).output.splitlines()
    assert [json.loads(line)["snapshot"] for line in listed] == [first.name, second.name, third.name]


def test_an_earlier_snapshot_is_restored_by_its_name(
    here: Settings, filled: Engine, tmp_path: Path, other: str
) -> None:
    url = str(tmp_path / "backup")
    first, before = back_up(here, filled, ObjectStore(url)), rows(filled)
    with filled.begin() as connection:
        connection.execute(text("DELETE FROM clip"))
    back_up(here, filled, ObjectStore(url))
    place = there(tmp_path, other)
    restore(place, ObjectStore(url), first.name)
    engine = open_engine(place)
    assert rows(engine) == before
    engine.dispose()
    with pytest.raises(InputError, match="no snapshot begins with 1999; there are 2"):
        restore(place, ObjectStore(url), "1999")


def test_pruning_keeps_what_the_newest_need(here: Settings, filled: Engine, tmp_path: Path) -> None:
    url = str(tmp_path / "backup")
    for n in range(3):
        (here.workspace / "notes/a.txt").write_text(f"version {n}")
        made = back_up(here, filled, ObjectStore(url))
    assert CliRunner().invoke(cli, ["backup", "prune", url, "--keep", "1", "--quiet"]).exit_code == 0
    objects = ObjectStore(url)
    assert objects.snapshots() == [made.name]
    assert objects.digests() == made.snapshot.objects
    verified = CliRunner().invoke(cli, ["backup", "verify", url])
    assert (verified.exit_code, verified.output) == (
        0,
        f"{made.name}: {len(made.snapshot.objects)} objects, each as it was written\n",
    )


def test_a_damaged_and_a_missing_object_are_found(here: Settings, filled: Engine, tmp_path: Path, other: str) -> None:
    url = str(tmp_path / "backup")
    made = back_up(here, filled, ObjectStore(url))
    one, two = sorted(made.snapshot.objects)[:2]
    (tmp_path / f"backup/objects/{one[:2]}/{one}").unlink()
    flipped = tmp_path / f"backup/objects/{two[:2]}/{two}"
    flipped.write_bytes(bytes([flipped.read_bytes()[0] ^ 1]) + flipped.read_bytes()[1:])
    verified = CliRunner().invoke(cli, ["backup", "verify", url])
    assert (verified.exit_code, verified.output) == (
        1,
        f"FAULT: the backup {url} is incomplete: object {one} is missing\n"
        f"FAULT: the backup {url} is damaged: object {two} has another content\n",
    )
    place = there(tmp_path, other)
    with pytest.raises(InputError, match=r"1 objects of .* are missing; nothing is restored"):
        restore(place, ObjectStore(url))
    assert not place.workspace.exists()


def test_nothing_is_restored_over_anything(here: Settings, filled: Engine, tmp_path: Path, other: str) -> None:
    url = str(tmp_path / "backup")
    back_up(here, filled, ObjectStore(url))
    place = there(tmp_path, other)
    with pytest.raises(InputError, match="into an empty place only"):
        restore(here, ObjectStore(url))
    full = Settings(place.workspace, place.home, database_url=here.database_url, store_url=place.store_url)
    with pytest.raises(InputError, match="into an empty database only, and this one has rows in"):
        restore(full, ObjectStore(url))
    assert rows(filled)["clip"]


def test_a_snapshot_that_names_files_elsewhere_is_refused(
    here: Settings, filled: Engine, tmp_path: Path, other: str
) -> None:
    url = str(tmp_path / "backup")
    made = back_up(here, filled, ObjectStore(url))
    said = json.loads(made.snapshot.to_bytes())
    for path in ("../outside.txt", "/outside.txt"):
        said["files"][0]["path"] = path
        ObjectStore(url).put_snapshot("9-forged", json.dumps(said).encode())
        with pytest.raises(InputError, match="the backup is damaged: it names the file"):
            restore(there(tmp_path, other), ObjectStore(url))
    assert {p.name for p in tmp_path.iterdir()} == {"here", "backup"}
    with pytest.raises(InputError, match="snapshot x is damaged"):
        Snapshot.from_bytes(b'{"format": 1}', "x")


def test_encrypted_only_its_recipients_restore_it(here: Settings, filled: Engine, tmp_path: Path, other: str) -> None:
    import pyrage

    url, keys = str(tmp_path / "backup"), [pyrage.x25519.Identity.generate() for _ in range(3)]
    for n, key in enumerate(keys):
        (tmp_path / f"{n}.key").write_text(f"{key}\n")
    mine = [str(key.to_public()) for key in keys[:2]]
    made = back_up(here, filled, ObjectStore(url, mine))
    assert back_up(here, filled, ObjectStore(url, mine)).new_objects == 2  # nothing of it can be read here
    stored = b"".join(p.read_bytes() for p in Path(url).rglob("*") if p.is_file())
    assert stored.count(b"age-encryption.org/") == len(made.snapshot.objects) + 2 + 2
    assert not [word for word in (b"film", b"sit", b"notes") if word in stored]
    place = there(tmp_path, other)
    with pytest.raises(InputError, match="is encrypted: name the file with your age identity, --identity FILE"):
        restore(place, ObjectStore(url))
    with pytest.raises(InputError, match="cannot be decrypted with"):
        restore(place, ObjectStore(url, identity=tmp_path / "2.key"))
    assert restore(place, ObjectStore(url, identity=tmp_path / "1.key"), made.name).name == made.name
    engine = open_engine(place)
    assert rows(engine) == rows(filled)
    engine.dispose()


def test_killed_in_the_middle_the_next_one_goes_on(here: Settings, filled: Engine, tmp_path: Path) -> None:
    """SIGKILL at several instants: the snapshots that are listed are whole, always."""
    url = str(tmp_path / "backup")
    for n in range(200):
        (here.workspace / f"notes/{n}.bin").write_bytes(os.urandom(20_000))
    back_up(here, filled, ObjectStore(url))
    environment = os.environ | {
        "POSEMILL_WORKSPACE": str(here.workspace),
        "POSEMILL_HOME": str(here.home),
        "POSEMILL_DATABASE_URL": str(here.database_url),
    }
    for n, wait in enumerate((0.05, 0.15, 0.3)):
        for k in range(200):
            (here.workspace / f"notes/{k}.bin").write_bytes(os.urandom(20_000))
        command = [sys.executable, "-m", "posemill", "backup", "create", url, "--quiet"]
        with subprocess.Popen(command, env=environment) as process:
            objects = ObjectStore(url).digests()
            while process.poll() is None and ObjectStore(url).digests() == objects:
                time.sleep(0.01)
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)
        for name in ObjectStore(url).snapshots():
            snapshot = Snapshot.from_bytes(ObjectStore(url).snapshot(name), name)
            assert not [d for d in snapshot.objects if ObjectStore(url).fault(d)], n
    made = back_up(here, filled, ObjectStore(url))
    assert not [d for d in made.snapshot.objects if ObjectStore(url).fault(d)]


@pytest.mark.slow
def test_rehearsal_with_a_real_workspace(tmp_path: Path, database: str, other: str) -> None:
    """Rendered clips, labelled by `dvc repro`; restored elsewhere, `dvc repro` runs nothing but the snapshot."""
    root, place, url = tmp_path / "gym", tmp_path / "restored", str(tmp_path / "backup")
    for name in (".dvc", "expectations"):
        ignored = shutil.ignore_patterns("tmp", "cache", "config.local")
        shutil.copytree(REPOSITORY / name, root / name, ignore=ignored)
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", "params.yaml"):
        shutil.copy(REPOSITORY / name, root / name)

    def run(folder: Path, address: str, *command: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POSEMILL_")}
        environment |= {
            "POSEMILL_DATABASE_URL": address,
            "DVC_NO_ANALYTICS": "1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    git = ("git", "-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main")
    run(root, database, *git, "init", "-q")
    synth = ("--subjects", "2", "--activities", "squat,wave", "--clips-per-activity", "1", "--duration-s", "1")
    run(root, database, "posemill", "synth", *synth, "--fps", "10", "--quiet")
    run(root, database, "dvc", "repro", "label")
    run(root, database, *git, "add", "-A")
    run(root, database, *git, "commit", "-qm", "labelled")
    (root / "params.yaml").write_text((root / "params.yaml").read_text() + "# being edited\n")
    run(root, database, "posemill", "backup", "create", url, "--quiet")
    run(tmp_path, other, "posemill", "backup", "restore", url, "--into", str(place), "--quiet")
    assert (place / "dvc.lock").read_bytes() == (root / "dvc.lock").read_bytes()
    assert run(place, other, "git", "status", "--short") == " M params.yaml\n"
    assert run(place, other, "git", "log", "--format=%s %D") == run(root, database, "git", "log", "--format=%s %D")
    said = run(place, other, "dvc", "repro", "label")
    assert [line for line in said.splitlines() if line.startswith("Running stage")] == ["Running stage 'snapshot':"]
    assert "Stage 'label' didn't change, skipping" in said
    assert run(place, other, "posemill", "label", "--plan", "--json").count('"frames"') <= 1
