"""`posemill data versions` on a real database, git repository and DVC cache, and its page in a browser."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import Engine, text

from chromium import chromium
from posemill.cli.data import data
from posemill.errors import InputError
from posemill.operations.dataset_history import dataset_versions
from posemill.settings import Settings
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.clips import clips, correct_clip, remove_clip

MEDIA = [letter * 64 for letter in "abcd"]


class Project:
    """A workspace in git whose dvc.lock names tables in a DVC cache."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings, self.engine, self.root = settings, engine, settings.workspace

    def run(self, *command: str) -> None:
        subprocess.run(command, cwd=self.root, check=True, capture_output=True)

    def build(self) -> None:
        """What the first stages would write: the clips that hold now."""
        with self.engine.connect() as connection:
            rows = [dict(row) for row in clips(connection)]
        columns = ("clip", "medium", "start_s", "end_s", "activity", "subject", "camera", "split", "dataset")
        table = pl.DataFrame([{name: row[name] for name in columns} for row in rows], infer_schema_length=None)
        table = table.with_columns(pl.col("end_s").cast(pl.Float64).fill_null(float("nan")))
        for stage in ("ingest", "validate"):
            folder = self.root / "build" / stage
            folder.mkdir(parents=True, exist_ok=True)
            table.write_parquet(folder / "clips.parquet")

    def commit(self, message: str, cached: bool = True) -> None:
        """Build, put the tables into the cache, and commit dvc.lock."""
        self.build()
        stages = {}
        for stage in ("ingest", "validate"):
            table = (self.root / "build" / stage / "clips.parquet").read_bytes()
            listing = json.dumps([{"md5": self.md5(table, cached), "relpath": "clips.parquet"}]).encode()
            out = {"path": f"build/{stage}", "md5": self.md5(listing, cached, ".dir")}
            stages[stage] = {"cmd": f"posemill stage {stage}", "outs": [out]}
        (self.root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}))
        self.run("git", "add", "dvc.lock")
        self.run("git", "-c", "user.name=x", "-c", "user.email=x@localhost", "commit", "-qm", message)

    def md5(self, content: bytes, cached: bool, suffix: str = "") -> str:
        name = hashlib.md5(content).hexdigest() + suffix
        path = self.root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
        if cached:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return name

    def versions(self, *arguments: object) -> list[dict]:
        done = CliRunner().invoke(data, ["versions", *map(str, arguments), "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    def add(self, number: int, activity: str | None, subject: str, dataset: str = "gym") -> int:
        with self.engine.begin() as connection:
            catalog.add_dataset(connection, dataset, "ann")
            catalog.add_media(connection, [catalog.MediumRow(MEDIA[number], dataset, f"{number}.mp4", "ann")])
            row = catalog.ClipRow(medium=MEDIA[number], annotated_by="ann", activity=activity, subject=subject)
            catalog.add_clips(connection, [row])
            return next(r["clip"] for r in clips(connection) if r["medium"] == MEDIA[number])


@pytest.fixture
def project(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in (
        ("WORKSPACE", settings.workspace),
        ("DATABASE_URL", settings.database_url),
        ("STORE_URL", settings.store_url),
    ):
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    found = Project(settings, engine)
    (found.root / "params.yaml").write_text("{}\n")
    found.run("git", "init", "-q")
    return found


def test_versions_of_commits_models_and_the_database(project: Project, tmp_path: Path) -> None:
    one, two = project.add(0, "squat", "anna"), project.add(1, None, "ben")
    project.commit("First clips")
    checked = hashlib.sha256((project.root / "build" / "validate" / "clips.parquet").read_bytes()).hexdigest()
    with project.engine.begin() as connection:
        catalog.record_model_version(
            connection, bento_tag="m:1", digests={"clips": checked}, metrics={}, added_by="ann"
        )
        correct_clip(connection, one, "ann", activity="lunge")
        correct_clip(connection, two, "ann", activity="wave")
    project.add(2, "wave", "eve")
    project.commit("More clips")
    with project.engine.begin() as connection:
        remove_clip(connection, next(r["clip"] for r in clips(connection) if r["medium"] == MEDIA[2]), "ann")
    table = tmp_path / "changes.csv"
    page = tmp_path / "versions.html"
    first, second, now = project.versions("--csv", table, "--html", page)
    assert first["sources"][0].endswith("First clips")
    assert first["sources"][1:] == ["model m:1"]
    assert (first["clips"], first["labelled_clips"], first["classes_added"]) == (2, 1, ["squat"])
    assert sorted(source.split()[0] for source in second["sources"]) == ["build/", "commit"]
    assert any(source.endswith("More clips") for source in second["sources"])
    assert (second["clips_relabelled"], second["clips_labelled"], second["clips_added"]) == (1, 1, 1)
    assert (second["classes_added"], second["classes_removed"]) == (["lunge", "wave"], ["squat"])
    assert second["subjects_added"] == ["eve"]
    assert now["sources"] == ["database"]
    assert (now["clips_removed"], now["subjects_removed"], now["media_removed"]) == (1, ["eve"], 1)
    assert all(row["exact"] for row in (first, second, now))
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(r["version"], r["change"], r["before"], r["after"]) for r in rows if r["change"] == "relabelled"] == [
        (second["version"], "relabelled", "squat", "lunge")
    ]
    assert len(rows) == 2 + 3 + 1
    assert f"version-{now['version']}" in page.read_text()


def test_what_the_cache_lacks_is_reconstructed_from_the_database(project: Project) -> None:
    clip = project.add(0, "squat", "anna")
    project.commit("First clips", cached=False)
    with project.engine.begin() as connection:  # corrected an hour after the commit
        connection.execute(text("UPDATE clip SET annotated_at = annotated_at - interval '1 hour'"))
        correct_clip(connection, clip, "ann", activity="lunge")
        connection.execute(text("UPDATE clip SET valid_to = valid_to + interval '1 hour' WHERE valid_to IS NOT NULL"))
        connection.execute(
            text("UPDATE clip SET annotated_at = annotated_at + interval '1 hour' WHERE valid_to IS NULL")
        )
    shutil.rmtree(project.root / "build")
    found, now = project.versions()
    assert found["sources"][0].endswith("First clips")
    assert (found["clips"], found["classes_added"]) == (1, ["squat"])
    assert (now["sources"], now["classes_added"], now["classes_removed"]) == (["database"], ["lunge"], ["squat"])
    with project.engine.connect() as connection:
        known = dataset_versions(connection, Workspace(project.root))
    assert [(v.exact, sorted(v.activities)) for v in known] == [(False, ["squat"]), (True, ["lunge"])]


def test_one_dataset_alone_and_a_workspace_without_git(project: Project) -> None:
    project.add(0, "squat", "anna", "gym")
    project.add(1, "wave", "ben", "home")
    project.build()
    (both,) = project.versions()
    (one,) = project.versions("--dataset", "home")
    assert (both["clips"], one["clips"], one["classes_added"]) == (2, 1, ["wave"])
    assert both["sources"] == ["build/", "database"]


def test_an_empty_database_says_what_to_do(project: Project) -> None:
    with pytest.raises(InputError, match="there are no clips yet"):
        project.versions()


def test_the_page_fits_a_phone(project: Project, tmp_path: Path) -> None:
    for number, activity in enumerate(("squat", "wave", "a_very_long_name_of_an_activity_that_goes_on_and_on")):
        project.add(number, activity, f"subject-{number}")
        project.commit(f"A commit with a subject that is quite long, as they are sometimes, number {number}")
    page_file = tmp_path / "versions.html"
    project.versions("--html", page_file)
    with chromium() as browser:
        for width in (390, 1280):
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()
