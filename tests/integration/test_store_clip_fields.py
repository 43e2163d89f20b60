"""A clip field is defined once: a made-up one goes from a manifest to every table after one line and one column."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, Float, Text, text

from posemill.settings import Settings
from posemill.store import clip_fields, schema
from posemill.store.clip_fields import CORRECTABLE, FIELDS, HISTORY
from posemill.video.encode import VideoWriter

LINES = (
    '    mood: str | None = _claim("Mood.", choices=("glad", "grim"))\n    load_kg: float | None = _claim("Load.")\n'
)
# posemill with two more fields in the definition, as if somebody had written them there
BEGINNING = """
import sys, types
from sqlalchemy import Column, Float, Text
import posemill.store, posemill.store.schema as schema
module = types.ModuleType("posemill.store.clip_fields")
sys.modules[module.__name__] = posemill.store.clip_fields = module
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), module.__dict__)
schema.clip.append_column(Column("mood", Text))
schema.clip.append_column(Column("load_kg", Float))
"""
COMMAND = BEGINNING + "from posemill.cli.main import main\ndel sys.argv[1]\nmain()\n"
STAGES = BEGINNING + (
    "import json\n"
    "from posemill.params.ingest import IngestParams\n"
    "from posemill.params.snapshot import SnapshotParams\n"
    "from posemill.settings import Settings\n"
    "from posemill.stages import ingest, snapshot\n"
    "from posemill.stages.cut_windows import PER_WINDOW\n"
    "from posemill.stages.workspace import Workspace\n"
    "from posemill.store.lineage import SCHEMA\n"
    "settings = Settings.from_env()\n"
    "workspace = Workspace(settings.workspace)\n"
    "digest = snapshot.run(SnapshotParams(), workspace, workspace.output('snapshot'), settings).digest\n"
    "ingest.run(IngestParams(threads=1), workspace, workspace.output('ingest'), settings)\n"
    "print(json.dumps({'digest': digest, 'per_window': PER_WINDOW, 'lineage': list(SCHEMA)}))\n"
)


def film(path: Path, shade: int) -> None:
    with VideoWriter(path, 10, 64, 48) as writer:
        for n in range(10):
            writer.write(np.full((48, 64, 3), shade + n, np.uint8))


@pytest.fixture
def ask(settings: Settings, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run a program in a posemill with the two fields; returns what it printed, or the error where `fails`."""
    source = Path(str(clip_fields.__file__)).read_text()
    first, last = source.split("    camera: str | None")
    (tmp_path / "clip_fields.py").write_text(f"{first}{LINES}    camera: str | None{last}")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE clip ADD COLUMN mood text, ADD COLUMN load_kg float8"))
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("POSEMILL_STORE_URL", settings.store_url)

    def run(code: str, *arguments: object, fails: bool = False) -> str:
        command = [sys.executable, "-c", code, str(tmp_path / "clip_fields.py"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    return run


def test_the_table_has_the_columns_of_the_definition() -> None:
    columns = {c.name: c.type for c in schema.clip.columns}
    assert {n: Text if f.kind is str else Float for n, f in FIELDS.items()} == {n: type(columns[n]) for n in FIELDS}
    assert set(columns) == {"id", "medium_id", *FIELDS, "annotated_by", "annotated_at", *HISTORY}
    assert tuple(FIELDS) == CORRECTABLE


def test_a_new_field_goes_all_the_way(ask, settings: Settings, tmp_path: Path) -> None:
    for name in "ab":
        film(tmp_path / f"{name}.mp4", ord(name))
    manifest = tmp_path / "segments.csv"
    manifest.write_text("path,activity,mood,load_kg\na.mp4,squat,glad,12.5\nb.mp4,squat,,\n")
    ask(COMMAND, "add", manifest)
    ask(COMMAND, "add", tmp_path / "b.mp4", "--mood", "glad", "--load-kg", "3")  # fills in what was left open
    assert "mood is glad, not grim" in ask(COMMAND, "add", tmp_path / "b.mp4", "--mood", "grim", "--json")
    before = json.loads(ask(STAGES))
    ask(COMMAND, "segments", "correct", "1", "--mood", "grim", "--by", "bob")
    rows = [json.loads(line) for line in ask(COMMAND, "segments", "list", "--history", "--json").splitlines()]
    assert [(r["mood"], r["load_kg"], r["closed_by"]) for r in rows if r["load_kg"] == 12.5] == [
        ("glad", 12.5, "bob"),
        ("grim", 12.5, None),
    ]
    after = json.loads(ask(STAGES))
    assert before["digest"] != after["digest"]
    assert {"mood", "load_kg"} < set(after["per_window"])
    assert {"mood", "load_kg"} < set(after["lineage"])
    written = pq.read_table(settings.workspace / "build" / "ingest" / "clips.parquet")
    assert written.schema.field("load_kg").type == pa.float64()
    assert sorted(zip(written["mood"].to_pylist(), written["load_kg"].to_pylist(), strict=True)) == [
        ("glad", 3.0),
        ("grim", 12.5),
    ]


def test_a_new_field_is_checked(ask, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 90)
    manifest = tmp_path / "segments.csv"
    manifest.write_text("path,mood,load_kg\na.mp4,sad,much\n")
    said = ask(COMMAND, "add", manifest, fails=True)
    assert "mood 'sad' is none of glad, grim" in said
    assert "load_kg 'much' is not a number" in said
    assert "'glad', 'grim'" in ask(COMMAND, "add", tmp_path / "a.mp4", "--mood", "sad", fails=True)
