"""Erasure of a person from database, store, workspace, DVC's cache and remote, and backups; also when it is killed."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, text

from erasable_workspace import DIGEST, FILMS, build_graph, copied, dvc, fill, write_people
from posemill.cli.main import cli
from posemill.erasure import dvc_objects
from posemill.erasure.check import search
from posemill.erasure.needles import Needles
from posemill.erasure.record import verify_record
from posemill.errors import InputError
from posemill.handover.keys import default_path, generate_key
from posemill.settings import Settings
from posemill.store import audit, promotions
from posemill.store.exchange import Exchange
from posemill.store.postgres import open_engine

ANNA = Needles(frozenset(DIGEST["anna"]), "anna")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build_graph(folder / "workspace", folder / "remote")
    return folder


@pytest.fixture
def settings(built: Path, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    root = copied(built, tmp_path / "copy")
    home = root / ".posemill"
    for name, value in {"WORKSPACE": root, "DATABASE_URL": database}.items():
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    return Settings(root, home, database_url=database, store_url=str(home / "store"))


@pytest.fixture
def filled(settings: Settings) -> Iterator[Engine]:
    engine = open_engine(settings)
    fill(settings, engine)
    generate_key(default_path(settings.home))
    yield engine
    engine.dispose()


def erase(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["erase", *arguments])


def counts(engine: Engine) -> dict[str, int]:
    tables = ("subject", "medium", "clip", "ground_truth", "label_job", "quarantine", "review_item", "feedback")
    tables += ("keypoint_correction", "prediction_log", "app_run")
    with engine.connect() as connection:
        return {name: int(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0) for name in tables}


def files(root: Path) -> set[str]:
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def windows(root: Path) -> list[int]:
    return [int(n) for n in np.load(root / "build/prepare/windows.npy")]


def assert_erased(settings: Settings, engine: Engine) -> dict[str, Any]:
    """Nothing of anna is left, everything of bob is there, the record is good; returns it."""
    assert search(settings, engine, ANNA).left == []
    assert set(counts(engine).values()) == {1}  # bob's
    store = files(Path(settings.store_url))
    assert {p for p in store if DIGEST["bob"][0] in p and "media/" in p}
    assert sum(DIGEST["bob"][0] in p for p in store) == 3
    assert not [p for p in store if any(digest in p for digest in DIGEST["anna"])]
    assert files(settings.home / "uploads") == {DIGEST["bob"][0]}
    assert not (settings.workspace / "copy.mp4").exists()
    assert not (settings.workspace / "build/report.html").exists()
    assert (settings.workspace / "notes.txt").exists()  # a mention, for a person to look at
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT id, stage, withdrawn_at IS NOT NULL FROM model_version ORDER BY id"))
        assert [tuple(row) for row in rows] == [(1, "retired", True), (2, "candidate", False), (3, "candidate", False)]
        assert connection.scalar(text("SELECT report FROM acceptance")) == {"clips": ["erased"]}
        assert audit.verify(connection).faults == ()
        state, digest = connection.execute(text("SELECT state, record_digest FROM erasure")).one()
        assert "anna" not in str(connection.scalar(text("SELECT string_agg(erasure::text, ' ') FROM erasure")))
    (folder,) = (settings.home / "erasures").iterdir()
    verified = verify_record(folder)
    assert state == "done"
    assert verified.record["media"] == sorted(DIGEST["anna"])
    assert digest
    assert "anna" not in (folder / "record.json").read_text()
    return verified.record


def test_a_person_is_erased_everywhere_and_others_stay(settings: Settings, filled: Engine, tmp_path: Path) -> None:
    shard = tmp_path / "shard"
    shard.write_text(f"tracks of {DIGEST['anna'][0]}")
    Exchange(settings.store_url, "20261201T000000-abc").put("tracks-0.parquet", shard)  # of a run that was killed
    shard.unlink()
    assert erase("--subject", "anna", "--check").exit_code != 0
    outcome = erase("--subject", "anna", "--yes", "--by", "the officer")
    assert outcome.exit_code == 0, outcome.output
    record = assert_erased(settings, filled)
    assert record["by"] == "the officer"
    assert [m["bento"] for m in record["models"]] == ["posemill-activity:1", "posemill-activity:2"]
    with filled.connect() as connection:
        newest = [(e["actor"], e["action"], e["object"]) for e in audit.entries(connection, 1)]
        assert newest[0][1:] == ("erase", "done")
        version = promotions.version_of(connection, "1")
        with pytest.raises(InputError, match="trained with data that was erased"):
            promotions.promote(connection, version, "r", None, "ann", compared_with=None)
    # what the run of bob alone wrote is still there, in the cache and in the remote
    root = settings.workspace
    assert not (root / "build/prepare").exists()
    write_people(root, "bob")
    dvc(root, "repro", "-q")
    assert windows(root) == [windows_of("bob")]
    for place in dvc_objects.places(root):
        assert len(place.objects) == 6, place.name  # two files and a folder of each stage
    (root / "people.txt").unlink()
    assert erase("--subject", "anna", "--check").exit_code == 0


def test_an_encrypted_backup_stays_encrypted(settings: Settings, filled: Engine, tmp_path: Path) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(identity))
    recipient, url = ["--recipient", str(identity.to_public())], str(settings.workspace.parent / "backup")
    read = ["--backup", url, "--identity", str(tmp_path / "identity")]
    CliRunner().invoke(cli, ["backup", "create", url, *recipient, "--quiet"])
    before = counts(filled)
    refused = erase("--subject", "anna", "--yes", *read)
    assert "name with --recipient" in str(refused.exception)
    assert counts(filled) == before
    outcome = erase("--subject", "anna", "--yes", *read, *recipient)
    assert outcome.exit_code == 0, outcome.output
    (snapshot,) = (Path(url) / "snapshots").iterdir()
    assert snapshot.read_bytes().startswith(b"age-encryption.org")
    assert not [p for p in (Path(url) / "objects").rglob("*") if p.is_file() and b"bob" in p.read_bytes()]
    assert erase("--subject", "anna", "--check", *read).exit_code == 0


def unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def windows_of(name: str) -> int:
    import zlib

    return zlib.crc32(DIGEST[name][0].encode())


def test_a_plan_changes_nothing_and_says_what_is_not_covered(settings: Settings, filled: Engine) -> None:
    CliRunner().invoke(cli, ["backup", "create", str(settings.workspace.parent / "backup"), "--quiet"])
    (settings.workspace / "scenario.yaml").write_text(f"medium: {DIGEST['anna'][0]}\n")
    before, rows = files(settings.workspace), counts(filled)
    outcome = erase("--subject", "anna", "--dry-run")
    assert outcome.exit_code == 0, outcome.output
    assert "DVC cache 4, DVC remote shelf 4" in outcome.output  # a table, an array, and the folders they are in
    assert "posemill-activity:1" in outcome.output
    assert "scenario.yaml names them and is yours" in outcome.output
    assert "is not erased from: add --backup" in outcome.output
    assert counts(filled) == rows
    assert {f for f in files(settings.workspace) ^ before if ".dvc/tmp" not in f} == set()


def test_what_a_person_has_to_remove_keeps_the_erasure_open(settings: Settings, filled: Engine) -> None:
    scenario = settings.workspace / "scenario.yaml"
    scenario.write_text(f"medium: {DIGEST['anna'][0]}\n")
    outcome = erase("--subject", "anna", "--yes")
    assert outcome.exit_code == 1
    assert f"LEFT: workspace: {scenario}" in outcome.output
    assert not (settings.home / "erasures").exists()
    scenario.unlink()
    assert erase("--subject", "anna", "--yes").exit_code == 0
    assert_erased(settings, filled)


def test_one_medium_is_erased_and_the_person_stays(settings: Settings, filled: Engine) -> None:
    outcome = erase("--medium", DIGEST["anna"][0][:12], "--yes")
    assert outcome.exit_code == 0, outcome.output
    assert counts(filled)["medium"] == 2
    assert counts(filled)["subject"] == 2
    assert (settings.workspace / "copy.mp4").exists()
    assert erase("--medium", DIGEST["anna"][0], "--check").exit_code == 0
    left = erase("--subject", "anna", "--check", "--json")
    assert left.exit_code == 1
    assert {f["place"] for f in json.loads(left.output)["left"]} >= {"database", "store", "workspace"}


def test_snapshots_with_the_person_are_replaced(settings: Settings, filled: Engine) -> None:
    url = str(settings.workspace.parent / "backup")
    CliRunner().invoke(cli, ["backup", "create", url, "--quiet"])
    outcome = erase("--subject", "anna", "--yes", "--backup", url)
    assert outcome.exit_code == 0, outcome.output
    objects = Path(url) / "objects"
    held = {p.read_bytes() for p in objects.rglob("*") if p.is_file()}
    assert not held & set(FILMS["anna"])
    assert held >= set(FILMS["bob"])
    assert len(list((Path(url) / "snapshots").iterdir())) == 1
    assert not [c for c in map(unpacked, held) if b"anna" in c and c != b"anna likes squats\n"]
    assert erase("--subject", "anna", "--check", "--backup", url).exit_code == 0
    with pytest.raises(InputError, match="has no snapshot"):
        CliRunner().invoke(cli, ["erase", "--subject", "x", "--check", "--backup", url + "x"], catch_exceptions=False)


def test_a_label_worker_is_waited_for(settings: Settings, filled: Engine) -> None:
    lease = "UPDATE label_job SET state = 'leased', leased_by = 'w1', leased_until = now() + interval '1 hour'"
    with filled.begin() as connection:
        connection.execute(text(lease))
    before = counts(filled)
    outcome = erase("--subject", "anna", "--yes")
    assert "is being labelled by w1" in str(outcome.exception)
    assert counts(filled) == before


def test_a_changed_record_is_found(settings: Settings, filled: Engine) -> None:
    assert erase("--medium", DIGEST["anna"][0], "--yes").exit_code == 0
    (folder,) = (settings.home / "erasures").iterdir()
    record = folder / "record.json"
    record.write_text(record.read_text().replace('"left": 0', '"left": 1'))
    with pytest.raises(InputError, match="was changed after it was signed"):
        verify_record(record)


KILLED = """
import os, signal, sys
from posemill.erasure import dvc_objects, erase, files
from posemill.store import erasures
from posemill.cli.main import cli

left = int(sys.argv[1])

def after(owner, name):
    whole = getattr(owner, name)
    def call(*arguments, **options):
        global left
        came = whole(*arguments, **options)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return came
    setattr(owner, name, call)

after(files.StoreFiles, "remove")
after(dvc_objects.ObjectPlace, "remove")
after(erase, "remove_folder")
after(erase.rows, "delete_rows")  # before it is committed
after(erase.erasures, "note")
after(erase, "write_record")
after(erase.erasures, "finish")  # before it is committed
cli(["erase", "--subject", "anna", "--yes"])
"""


@pytest.mark.slow
def test_killed_again_and_again_it_is_finished(settings: Settings, filled: Engine) -> None:
    """Slow: some twenty processes; only a killed process shows that nothing depends on its memory."""
    kills = 0
    for calls in (1, 2, 3, 2, 4, 2, 3, 4, 5, 4, 3, 2, 3, 2, 3, 6, 9, 12, 15, 100):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(calls)], env=os.environ, capture_output=True, text=True
        )
        if done.returncode != -signal.SIGKILL:
            break
        kills += 1
    assert done.returncode == 0, done.stderr
    assert kills >= 8
    assert_erased(settings, filled)
