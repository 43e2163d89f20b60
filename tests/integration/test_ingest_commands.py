from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from posemill.cli.database import db
from posemill.cli.imports import import_
from posemill.cli.sources import add, media, quarantine, segments
from posemill.errors import InputError
from posemill.ingest.datasets.penn_action import DATASET, read_files, sequences
from posemill.ingest.keypoints import SequenceSource, import_sequences
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.track_file import read_medium


@pytest.fixture
def ask(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch):
    """Run a command as a person would; returns what it printed."""
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("POSEMILL_STORE_URL", settings.store_url)

    def run(command, *arguments: object) -> str:
        done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_adding_twice_changes_nothing_and_a_correction_is_kept(ask, tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    for name in "ab":
        (tmp_path / "v" / f"{name}.mp4").write_text(name)
    first = json.loads(ask(add, tmp_path / "v", "--activity", "squat", "--subject", "anna", "--json"))
    again = json.loads(ask(add, tmp_path / "v", "--activity", "squat", "--subject", "anna", "--json"))
    assert (first["media_added"], first["clips_added"]) == (2, 2)
    assert (again["media_added"], again["media_known"], again["clips_added"], again["conflicts"]) == (0, 2, 0, [])
    assert "conflicts 2" in ask(add, tmp_path / "v", "--activity", "wave")
    assert ask(segments, "correct", 1, "--activity", "lunge", "--by", "bob").endswith("takes the place of 1\n")
    rows = [json.loads(line) for line in ask(segments, "list", "--history", "--json").splitlines()]
    said = [(r["activity"], r["closed_by"]) for r in rows]
    assert said == [("squat", "bob"), ("squat", None), ("lunge", None)]
    medium = rows[1]["medium"]
    assert ask(segments, "set", medium[:10], "--start", 1, "--end", 2, "--activity", "sit") == "added\n"
    assert "v/a.mp4" in ask(media)
    assert ask(add, tmp_path / "v", "--quiet") == ""


def test_quarantine_is_listed_and_released(ask, engine: Engine) -> None:
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow("a" * 64, "own", "a.mp4", "ann")])
        catalog.quarantine_medium(connection, "a" * 64, stage="ingest", reason="no frame", added_by="p")
    assert "no frame" in ask(quarantine)
    ask(quarantine, "release", 1)
    assert ask(quarantine, "list", "--json") == ""


def test_the_database_says_where_it_is(ask, settings: Settings) -> None:
    assert ask(db, "url").strip() == settings.database_url
    assert "***" in ask(db, "where")
    assert ask(db, "upgrade").startswith("the tables are at migration")
    with pytest.raises(InputError, match="names your own server"):
        ask(db, "stop")


def test_help_of_every_command_has_an_example() -> None:
    for group in (segments, db, import_):
        for command in group.commands.values():
            assert f"posemill {group.name} {command.name}" in (command.help or ""), command.name
    assert "posemill add" in (add.help or "")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, posemill.cli.sources, posemill.cli.imports, posemill.cli.database\n"
        "print([m for m in ('sqlalchemy', 'polars', 'pyarrow', 'cv2', 'av', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.material
def test_penn_action_comes_in_once_with_its_labels_and_split(
    material: Path, engine: Engine, settings: Settings
) -> None:
    labels = material / "penn_action" / "labels.tar.gz"
    files = [pair for pair, _ in zip(read_files(labels), range(200), strict=False)]
    files.append(("9999.mat", b"damaged"))
    store = MediaStore(settings.store_url)
    what = SequenceSource(DATASET, "Penn Action", labels, lambda: sequences(files), allow_empty=True)
    for wanted in (200, 0):
        with engine.begin() as connection:
            done = import_sequences(connection, store, what, annotated_by="ann")
        assert (done.sequences, done.media_added, done.clips_added, done.conflicts) == (200, wanted, wanted, ())
        assert len(done.faults) == 1
        assert "9999.mat" in done.faults[0]
    with engine.connect() as connection:
        rows, stretches = catalog.media(connection, [DATASET]), catalog.clips(connection, [DATASET])
    assert {row["kind"] for row in rows} == {"keypoints"}
    assert len({row["subject"] for row in stretches}) == 200
    assert {row["split"] for row in stretches} == {"train", "test"}
    assert [row["source"] for row in rows if row["digest"] is None] == ["9999.mat"]
    tracks = read_medium(store.fetch(rows[0]["digest"]))
    assert (tracks.frames, tracks.width_px) == (rows[0]["frames"], rows[0]["width_px"])
