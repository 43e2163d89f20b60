from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from sqlalchemy import Engine, text

from posemill.errors import InputError, Unavailable
from posemill.ingest.entry import Entry, add_entries
from posemill.params.ingest import IngestParams
from posemill.params.snapshot import SnapshotParams
from posemill.settings import Settings
from posemill.stages import ingest, snapshot
from posemill.stages.ingest import IngestResult
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.video.encode import VideoWriter
from toy_workspace import REPOSITORY

Run = Callable[[], IngestResult]


def film(path: Path, shade: int = 90, frames: int = 10, fps: float = 10) -> Path:
    with VideoWriter(path, fps, 64, 48) as writer:
        for n in range(frames):
            writer.write(np.full((48, 64, 3), shade + n, np.uint8))
    return path


@pytest.fixture
def store(settings: Settings) -> MediaStore:
    return MediaStore(settings.store_url)


@pytest.fixture
def run(settings: Settings) -> Run:
    """snapshot, then ingest, as the graph does."""
    workspace = Workspace(settings.workspace)

    def both() -> IngestResult:
        snapshot.run(SnapshotParams(), workspace, workspace.output("snapshot"), settings)
        return ingest.run(IngestParams(threads=2), workspace, workspace.output("ingest"), settings)

    return both


def tables(settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    folder = Workspace(settings.workspace).output("ingest")
    return pl.read_parquet(folder / "media.parquet"), pl.read_parquet(folder / "clips.parquet")


def snapshot_bytes(settings: Settings) -> bytes:
    return (Workspace(settings.workspace).output("snapshot") / "snapshot.json").read_bytes()


def test_media_are_probed_once_and_an_unchanged_database_changes_no_byte(
    settings: Settings, engine: Engine, store: MediaStore, run: Run, tmp_path: Path
) -> None:
    entries = [
        Entry(film(tmp_path / "a.mp4"), "a.mp4", 0.0, 0.5, "squat", "s1", "c1", "test"),
        Entry(film(tmp_path / "b.mp4", 20, 15), "b.mp4", activity="wave"),
        Entry(tmp_path / "b.mp4", "b.mp4", 0.5),
    ]
    add_entries(engine, store, entries, dataset="own", annotated_by="ann")
    first = run()
    before, (media, clips) = snapshot_bytes(settings), tables(settings)
    assert (first.media, first.clips, first.labelled_clips, first.probed, first.quarantined) == (2, 3, 2, 2, 0)
    named = ["medium", "kind", "dataset", "source", "width_px", "height_px", "fps", "frames", "duration_s"]
    assert media.columns == named
    assert media["medium"].to_list() == sorted(media["medium"])  # by content, not by who was added first
    assert media.sort("source").rows()[1][1:] == ("video", "own", "b.mp4", 64, 48, 10.0, 15, 1.5)
    named = ["clip", "medium", "start_s", "end_s", "activity", "subject", "camera", "split", "dataset", "annotated_by"]
    assert clips.columns == named
    clips = clips.sort("clip")
    assert clips.rows()[0][2:] == (0.0, 0.5, "squat", "s1", "c1", "test", "own", "ann")
    assert np.isnan(clips["end_s"].to_list()[1])
    again = run()
    assert (again.media, again.probed, again.fetched) == (2, 0, 0)
    assert snapshot_bytes(settings) == before
    assert media.equals(tables(settings)[0])
    assert clips.equals(tables(settings)[1].sort("clip"))

    with engine.begin() as connection:
        catalog.correct_clip(connection, 1, "bob", activity="lunge")
    run()
    assert snapshot_bytes(settings) != before
    assert set(tables(settings)[1]["activity"].to_list()) == {"lunge", "wave", None}


def test_what_cannot_be_read_is_set_aside_and_the_run_goes_on(
    settings: Settings, engine: Engine, store: MediaStore, run: Run, tmp_path: Path
) -> None:
    good = film(tmp_path / "good.mp4")
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:200])
    (tmp_path / "text.mp4").write_text("no video")
    changed = film(tmp_path / "changed.mp4", 10)
    names = ["good.mp4", "cut.mp4", "text.mp4", "changed.mp4"]
    entries = [Entry(tmp_path / name, name, activity="sit") for name in names]
    add_entries(engine, store, entries, dataset="own", annotated_by="ann")
    digest = store.put(changed)
    store.fetch(digest).write_bytes(b"somebody wrote here")
    for _ in range(2):
        result = run()
        assert (result.media, result.clips, result.quarantined) == (1, 1, 3)
    assert set(result.reasons) == {"cut.mp4", "text.mp4", "changed.mp4"}
    assert "the file was changed" in result.reasons["changed.mp4"]
    assert "is not a video" in result.reasons["text.mp4"]
    with engine.begin() as connection:
        rows = catalog.open_quarantine(connection, ["ingest"])
        assert len(rows) == 3  # the second run doubled nothing
        number = next(row["id"] for row in rows if row["source"] == "changed.mp4")
        catalog.resolve_quarantine(connection, number, "ann")
    before = snapshot_bytes(settings)
    store.fetch(digest, verify=False).unlink()
    store.put(changed)
    assert run().media == 2
    assert snapshot_bytes(settings) != before


def test_what_is_taken_out_of_the_label_stages_quarantine_makes_that_stage_run_again(
    settings: Settings, engine: Engine, store: MediaStore, run: Run, tmp_path: Path
) -> None:
    add_entries(engine, store, [Entry(film(tmp_path / "a.mp4"), "a.mp4")], dataset="own", annotated_by="ann")
    run()
    digest, workspace = tables(settings)[0]["medium"].item(), Workspace(settings.workspace)
    depends = [Path(d) for d in yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]["label"]["deps"]]
    depends = [workspace.root / path for path in depends if path.parts[0] == "build"]
    before = [path.read_bytes() for path in depends]
    with engine.begin() as connection:
        catalog.quarantine_medium(connection, digest, stage="label", reason="broken", added_by="posemill")
    run()
    assert [path.read_bytes() for path in depends] == before  # setting something aside makes no work
    taken_in = snapshot_bytes(settings)
    with engine.begin() as connection:
        catalog.resolve_quarantine(connection, catalog.open_quarantine(connection)[0]["id"], "ann")
    run()
    assert snapshot_bytes(settings) != taken_in  # so that `dvc repro` runs ingest
    changed = [path for path, old in zip(depends, before, strict=True) if path.read_bytes() != old]
    assert [path.name for path in changed] == ["released.parquet"]
    assert pl.read_parquet(changed[0])["medium"].to_list() == [digest]


def test_media_that_another_system_named_by_address_are_fetched(
    settings: Settings, engine: Engine, store: MediaStore, run: Run, tmp_path: Path
) -> None:
    film(tmp_path / "theirs.mp4")
    uri = (tmp_path / "theirs.mp4").as_uri()
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO dataset (name) VALUES ('theirs')"))
        for place in (uri, f"{uri}#", (tmp_path / "gone.mp4").as_uri(), "nonsense://x"):
            connection.execute(text("INSERT INTO medium (uri, dataset) VALUES (:u, 'theirs')"), {"u": place})
        connection.execute(text("INSERT INTO clip (medium_id, activity) VALUES (1, 'squat'), (3, 'sit'), (4, 'sit')"))
    result = run()
    before = snapshot_bytes(settings)
    assert (result.media, result.clips, result.fetched) == (1, 1, 1)
    media, clips = tables(settings)
    assert media["source"].to_list() == [uri]
    assert store.has(media["medium"][0])
    assert clips["medium"].to_list() == media["medium"].to_list()
    assert "there is no file that can be read" in result.reasons[(tmp_path / "gone.mp4").as_uri()]
    assert "no address that can be fetched" in result.reasons["nonsense://x"]
    assert run().fetched == 0
    assert snapshot_bytes(settings) == before  # what ingest filled in is no change


def test_passwords_in_addresses_are_in_no_table_and_no_reason(
    settings: Settings, engine: Engine, store: MediaStore, run: Run, tmp_path: Path
) -> None:
    uri = "http://ann:s3cret@127.0.0.1:1/clip.mp4?sig=s3cret"
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO dataset (name) VALUES ('theirs')"))
        connection.execute(text("INSERT INTO medium (uri, dataset) VALUES (:u, 'theirs')"), {"u": uri})
    with pytest.raises(InputError, match="all 1 media are in quarantine"):  # nothing answers there
        run()
    with engine.begin() as connection:
        reason = connection.scalar(text("SELECT reason FROM quarantine"))
        assert reason == "http://***@127.0.0.1:1/clip.mp4: FileNotFoundError: there is no file that can be read"
        connection.execute(text("UPDATE quarantine SET resolved_at = now(), resolved_by = 'ann'"))
        connection.execute(text("UPDATE medium SET digest = :d"), {"d": store.put(film(tmp_path / "theirs.mp4"))})
    assert run().media == 1
    assert tables(settings)[0]["source"].to_list() == ["http://***@127.0.0.1:1/clip.mp4"]


def test_only_the_chosen_datasets_are_taken(
    settings: Settings, engine: Engine, store: MediaStore, tmp_path: Path
) -> None:
    for n, name in enumerate(("one", "two")):
        entry = Entry(film(tmp_path / f"{name}.mp4", 30 * n), name)
        add_entries(engine, store, [entry], dataset=name, annotated_by="ann")
    workspace = Workspace(settings.workspace)
    out = workspace.output("snapshot")
    snapshot.run(SnapshotParams(datasets=("two",)), workspace, out, settings)
    assert json.loads((out / "snapshot.json").read_text())["selected"] == ["two"]
    result = ingest.run(IngestParams(), workspace, workspace.output("ingest"), settings)
    assert (result.media, tables(settings)[0]["dataset"].to_list()) == (1, ["two"])
    with pytest.raises(InputError, match="names three; the database has one, two"):
        snapshot.run(SnapshotParams(datasets=("three",)), workspace, out, settings)


def test_an_empty_database_and_one_without_a_readable_medium_are_told(
    settings: Settings, engine: Engine, store: MediaStore, run: Run, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="the database holds no media: add some with"):
        run()
    (tmp_path / "a.mp4").write_text("no video")
    add_entries(engine, store, [Entry(tmp_path / "a.mp4", "a.mp4")], dataset="own", annotated_by="ann")
    with pytest.raises(InputError, match="all 1 media are in quarantine"):
        run()


def test_a_database_that_is_away_is_worth_another_try(settings: Settings, tmp_path: Path) -> None:
    away = replace(settings, database_url="postgresql://ann:geheim@127.0.0.1:1/x")
    with pytest.raises(Unavailable, match="cannot be reached"):
        snapshot.run(SnapshotParams(), Workspace(tmp_path), tmp_path / "out", away)
