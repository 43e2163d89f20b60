"""Applications over a dataset: results in PostgreSQL with their provenance, once, whole, and run again when due."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from made_up_tracks import made_up
from posemill.applications import registry
from posemill.applications.registry import Entry
from posemill.applications.run import run as run_application
from posemill.applications.sources import stream_of_tracks
from posemill.errors import InputError
from posemill.ingest.keypoints import SequenceSource, import_sequences
from posemill.ingest.sequence import Sequence
from posemill.operations import applications
from posemill.settings import Settings
from posemill.store import application_results
from posemill.store.application_results import application_events
from posemill.store.media import MediaStore
from stand_in_application import Presence

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _workspace(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two media of dataset a, one of b, and an application."""
    monkeypatch.setattr(registry, "APPLICATIONS", {"presence": Entry("stand_in_application:Presence", "Says who.")})
    shutil.copy(REPOSITORY / "params.yaml", settings.workspace / "params.yaml")
    store = MediaStore(settings.store_url)
    for dataset, seeds in (("a", (1, 2)), ("b", (3,))):
        sequences = [Sequence(f"s{seed}", "walk", None, made_up(seed, unseen=0)) for seed in seeds]
        source = SequenceSource(dataset, "made up", settings.workspace, lambda found=sequences: iter(found))
        with engine.begin() as connection:
            import_sequences(connection, store, source, annotated_by="ann")


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_results_are_stored_with_what_they_were_made_of(engine: Engine, settings: Settings) -> None:
    result = applications.run("presence", {"alarm_after_s": 0.2}, dataset="a", settings=settings)
    assert (result.media, result.unchanged, result.events, result.alarms, result.measurements) == (2, 0, 8, 4, 4)
    with engine.connect() as connection:
        rows = application_events(connection, "presence")
        assert len(rows) == 8
        assert {row["dataset"] for row in rows} == {"a"}
        assert [row["kind"] for row in application_events(connection, "presence", severity="alarm")] == ["stays"] * 4
        assert application_events(connection, "presence", dataset="b") == []
        first = rows[0]
        assert first["provenance"]["params"] == {"alarm_after_s": 0.2}
        assert set(first["provenance"]) == {"application", "params", "labeller", "tracks", "code", "posemill"}
        (summary,) = connection.execute(text("SELECT DISTINCT summary FROM app_run")).scalars()
        assert summary == {"frames": 12, "alarms": 2}


def test_events_are_those_of_the_library(engine: Engine, settings: Settings) -> None:
    applications.run("presence", dataset="b", settings=settings)
    expected = run_application(Presence(), stream_of_tracks(made_up(3, unseen=0)))
    with engine.connect() as connection:
        rows = application_events(connection, "presence")
    stored = [(row["kind"], row["person"], row["time_s"], row["start_s"], row["message"]) for row in rows]
    assert stored == [(e.kind, e.person, e.time_s, e.start_s, e.message) for e in expected.events]


def test_what_is_there_is_not_run_again_and_other_parameters_are(engine: Engine, settings: Settings) -> None:
    told: list[str] = []
    assert applications.run("presence", settings=settings).media == 3
    again = applications.run("presence", settings=settings, on_result=lambda medium, _: told.append(medium))
    assert (again.media, again.unchanged, told) == (0, 3, [])
    other = applications.run(
        "presence", {"alarm_after_s": 0.1}, settings=settings, on_result=lambda medium, _: told.append(medium)
    )
    assert (other.media, other.unchanged, len(set(told))) == (3, 0, 3)
    assert count(engine, "app_run") == 6
    with engine.connect() as connection:  # of the newest run of each medium
        provenances = {
            row["provenance"]["params"]["alarm_after_s"] for row in application_events(connection, "presence")
        }
    assert provenances == {0.1}


def test_a_medium_is_stored_whole_or_not_at_all(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_results, "BATCH", 1)
    columns = application_results._columns
    asked: list[object] = []

    def breaks(row: dict[str, object]) -> dict[str, object]:
        asked.append(row)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return columns(row)

    monkeypatch.setattr(application_results, "_columns", breaks)
    with pytest.raises(KeyboardInterrupt):
        applications.run("presence", settings=settings)
    assert count(engine, "app_run") == count(engine, "app_event") == 0
    monkeypatch.setattr(application_results, "_columns", columns)
    assert applications.run("presence", settings=settings).media == 3


def test_an_unknown_dataset_lists_the_known(settings: Settings) -> None:
    with pytest.raises(InputError, match="no medium of dataset 'c' has tracks; there are a, b"):
        applications.run("presence", dataset="c", settings=settings)
    with pytest.raises(InputError, match="no application 'fal'"):
        applications.run("fal", settings=settings)
