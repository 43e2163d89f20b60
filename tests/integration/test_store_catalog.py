from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest
from sqlalchemy import Connection, Engine, func, select, text

from posemill.errors import InputError
from posemill.store import catalog, schema
from posemill.store.postgres import copy_rows

A, B = "a" * 64, "b" * 64


def rows_of(conn: Connection, table: str) -> int:
    return int(conn.scalar(select(func.count()).select_from(schema.metadata.tables[table])) or 0)


def add(conn: Connection, *media: str, dataset: str = "home") -> int:
    return catalog.add_media(conn, [catalog.MediumRow(m, dataset, f"{m[:3]}.mp4", "ann") for m in media])


def current(conn: Connection) -> Sequence[tuple[object, ...]]:
    return [(r["medium"][0], r["start_s"], r["end_s"], r["activity"], r["subject"]) for r in catalog.clips(conn)]


def test_a_digest_is_one_medium(engine: Engine) -> None:
    with engine.begin() as conn:
        assert add(conn, A, B) == 2
        assert add(conn, A, dataset="other") == 0
        assert [m["digest"] for m in catalog.media(conn)] == [A, B]
        assert catalog.media(conn, ["other"]) == []
        assert catalog.dataset_names(conn) == ["home", "other"]
        assert catalog.find_medium(conn, A[:8])["source"] == "aaa.mp4"
        with pytest.raises(InputError, match="no medium has a digest"):
            catalog.find_medium(conn, "c" * 10)


def test_the_same_clip_again_changes_nothing(engine: Engine) -> None:
    row = catalog.ClipRow(A, "ann", 1, 2.5, "squat", "s1")
    for wanted in (1, 0):
        with engine.begin() as conn:
            add(conn, A)
            assert catalog.add_clips(conn, [row, row]) == catalog.Outcome(wanted, 0, ())
            assert current(conn) == [("a", 1.0, 2.5, "squat", "s1")]


def test_an_unlabelled_clip_learns_its_activity_and_keeps_its_history(engine: Engine) -> None:
    with engine.begin() as conn:
        add(conn, A)
        catalog.add_clip(conn, catalog.ClipRow(A, "ann", subject="s1"))
        assert catalog.add_clip(conn, catalog.ClipRow(A, "bob", activity="wave")) == catalog.Outcome(0, 1, ())
        assert current(conn) == [("a", 0.0, None, "wave", "s1")]
        old, new = catalog.clips(conn, history=True)
    assert (old["activity"], old["annotated_by"], old["closed_by"], old["superseded_by"]) == (
        None,
        "ann",
        "bob",
        new["clip"],
    )
    assert new["annotated_by"] == "bob"


def test_a_contradiction_is_told_and_changes_nothing(engine: Engine) -> None:
    with engine.begin() as conn:
        add(conn, A)
        catalog.add_clip(conn, catalog.ClipRow(A, "ann", activity="squat"))
        outcome = catalog.add_clip(conn, catalog.ClipRow(A, "bob", activity="wave", subject="s9"))
        assert (outcome.added, outcome.completed) == (0, 0)
        assert outcome.conflicts[0].startswith("clip 1 of aaaaaaaaaaaa is known: activity is squat, not wave")
        assert current(conn) == [("a", 0.0, None, "squat", None)]


def test_a_correction_keeps_what_was_said(engine: Engine) -> None:
    with engine.begin() as conn:
        add(conn, A)
        catalog.add_clip(conn, catalog.ClipRow(A, "ann", 0, 4, "squat", "s1"))
        fresh = catalog.correct_clip(conn, 1, "bob", activity="lunge", start_s=0.5)
        assert catalog.correct_clip(conn, fresh, "eve", activity="lunge") == fresh
        assert current(conn) == [("a", 0.5, 4.0, "lunge", "s1")]
        old, new = catalog.clips(conn, history=True)
        assert (old["annotated_by"], old["closed_by"], old["superseded_by"], new["annotated_by"]) == (
            "ann",
            "bob",
            fresh,
            "bob",
        )
        assert old["valid_to"] is not None
        with pytest.raises(InputError, match=f"clip 1 was ended by bob: clip {fresh} took its place"):
            catalog.correct_clip(conn, 1, "eve", activity="wave")
        with pytest.raises(InputError, match="there is no clip 99"):
            catalog.correct_clip(conn, 99, "eve", activity="wave")
        with pytest.raises(InputError, match="a clip has no colour"):
            catalog.correct_clip(conn, fresh, "eve", colour="red")
        with pytest.raises(InputError, match="cannot become"):
            catalog.correct_clip(conn, fresh, "eve", end_s=0.1)
        assert current(conn) == [("a", 0.5, 4.0, "lunge", "s1")]
        catalog.remove_clip(conn, fresh, "bob")
        assert current(conn) == []
        assert len(catalog.clips(conn, history=True)) == 2


def test_clips_of_an_unknown_medium_are_refused(engine: Engine) -> None:
    with engine.begin() as conn, pytest.raises(InputError, match="add it before its clips"):
        catalog.add_clip(conn, catalog.ClipRow(A, "ann"))


def test_quarantine_is_open_once_and_can_be_resolved(engine: Engine) -> None:
    with engine.begin() as conn:
        add(conn, A)
        for wanted in (True, False):
            assert catalog.quarantine_medium(conn, A, stage="ingest", reason="no frame", added_by="p") is wanted
        (row,) = catalog.open_quarantine(conn, ["ingest"])
        assert (row["medium"], row["reason"], row["source"]) == (A, "no frame", "aaa.mp4")
        assert catalog.open_quarantine(conn, ["label"]) == []
        catalog.resolve_quarantine(conn, row["id"], "ann")
        assert catalog.open_quarantine(conn) == []
        with pytest.raises(InputError, match="nothing open"):
            catalog.resolve_quarantine(conn, row["id"], "ann")
        assert catalog.quarantine_medium(conn, A, stage="ingest", reason="again", added_by="p")
        assert rows_of(conn, "quarantine") == 2


def test_truth_versions_and_acceptance(engine: Engine) -> None:
    with engine.begin() as conn:
        add(conn, A)
        assert catalog.add_ground_truth(conn, A, B, "coco-17", "synth", "ann")
        assert not catalog.add_ground_truth(conn, A, B, "coco-17", "synth", "ann")
        (found,) = catalog.ground_truths(conn, ["home"])
        assert dict(found) == {"medium": A, "track_digest": B, "skeleton": "coco-17", "origin": "synth"}

        assert catalog.latest_model_version(conn) is None
        for _ in range(2):
            number = catalog.record_model_version(
                conn, bento_tag="m:1", digests={"activity.onnx": A}, metrics={"accuracy": 0.9}, added_by="ann"
            )
        version = catalog.latest_model_version(conn, "candidate")
        assert version is not None
        assert (version["id"], version["metrics"], len(catalog.model_versions(conn))) == (number, {"accuracy": 0.9}, 1)
        catalog.record_acceptance(conn, bento_tag="m:1", passed=False, client="acme", report={"n": 3}, added_by="flow")
        catalog.record_acceptance(conn, bento_tag="m:1", passed=True, client="acme", report={"n": 3}, added_by="flow")
        accepted = catalog.latest_acceptance(conn, "m:1")
        assert accepted is not None
        assert (accepted["passed"], accepted["bento_tag"], rows_of(conn, "acceptance")) == (True, "m:1", 2)
        assert catalog.latest_model_version(conn, "accepted") is not None
        catalog.log_prediction(conn, bento_tag="m:1", activity="squat", confidence=0.8, prediction={"p": [0.8]})
        with pytest.raises(InputError, match="no model version"):
            catalog.record_acceptance(conn, bento_tag="m:2", passed=True, client="a", report={}, added_by="f")


def test_holdings_change_only_when_somebody_says_something(engine: Engine) -> None:
    with engine.begin() as conn:
        assert catalog.inventory(conn).datasets == ()
        add(conn, A)
        add(conn, B, dataset="b")
        catalog.add_clips(conn, [catalog.ClipRow(A, "ann", 0, 1, "squat", "s1"), catalog.ClipRow(A, "ann", 1, 2)])
    with engine.begin() as conn:
        before, only_b = catalog.inventory(conn), catalog.inventory(conn, ["b"])
        counts = {k: v for k, v in before.datasets[1].items() if k != "newest"}
        wanted = {"dataset": "home", "media": 1, "clips": 2, "labelled_clips": 1, "activities": 1, "subjects": 1}
        assert counts == wanted
        catalog.record_probe(conn, 1, {"width_px": 4, "height_px": 4, "fps": 30, "frames": 9, "duration_s": 0.3})
        catalog.quarantine_medium(conn, B, stage="ingest", reason="no", added_by="p")
        assert catalog.inventory(conn) == before
        catalog.correct_clip(conn, 1, "bob", activity="lunge")
        assert catalog.inventory(conn).digest != before.digest
        assert catalog.inventory(conn, ["b"]) == only_b
    with engine.begin() as conn:
        catalog.resolve_quarantine(conn, 1, "ann")
        assert catalog.inventory(conn, ["b"]) != only_b


def test_bytes_behind_an_address_that_are_known_make_a_duplicate(engine: Engine) -> None:
    with engine.begin() as conn:
        add(conn, A)
        catalog.add_clip(conn, catalog.ClipRow(A, "ann", activity="squat"))
        conn.execute(text("INSERT INTO medium (uri, dataset) VALUES ('x://1', 'home'), ('x://2', 'home')"))
        conn.execute(text("INSERT INTO clip (medium_id, activity) VALUES (2, 'squat'), (3, 'wave')"))
        conn.execute(text("INSERT INTO clip (medium_id, start_s, activity) VALUES (2, 3, 'sit')"))
        assert catalog.fill_digest(conn, 2, A) == "duplicate"
        assert catalog.fill_digest(conn, 3, B) == "filled"
        assert [m["digest"] for m in catalog.media(conn)] == [A, B]
        assert {(c["medium"], c["start_s"], c["activity"]) for c in catalog.clips(conn)} == {
            (A, 0.0, "squat"),
            (A, 3.0, "sit"),
            (B, 0.0, "wave"),
        }
        assert len(catalog.clips(conn, history=True)) == 4


def test_copy_keeps_empty_text_apart_from_null(engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(text("CREATE TEMP TABLE t (a text, b float8)"))
        copy_rows(conn, "t", pl.DataFrame({"a": ["", None, 'q",\n'], "b": [1.5, float("nan"), None]}))
        copy_rows(conn, "t", pl.DataFrame({"a": ["x"], "b": [2.0]}).to_arrow())
        assert copy_rows(conn, "t", []) == 0
        found = {tuple(row) for row in conn.execute(text("SELECT a, b FROM t"))}
    assert found == {("", 1.5), (None, None), ('q",\n', None), ("x", 2.0)}
