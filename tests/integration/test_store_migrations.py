"""Migration 0004 renames tables, columns, constraints and keys; rows stay, forwards and backwards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, text

from older_schema import downgrade
from posemill.store import schema
from posemill.store.migrations import HEAD
from posemill.store.postgres import revision, upgrade

ROWS = (
    "INSERT INTO dataset (name) VALUES ('d')",
    "INSERT INTO medium (dataset, digest) VALUES ('d', repeat('a', 64))",
    "INSERT INTO clip (medium_id, activity, said_by, ended_at, ended_by) VALUES (1, 'sit', 'ann', now(), 'bob')",
    "INSERT INTO clip (medium_id, activity, said_by) VALUES (1, 'squat', 'bob')",
    "INSERT INTO truth (medium_id, track_digest, skeleton, origin) VALUES (1, 'b', 'coco-17', 'synth')",
    "INSERT INTO quarantine (what, medium_id, stage, reason) VALUES ('medium', 1, 'ingest', 'no frame')",
    "INSERT INTO keypoint_correction (medium_id, labeller, skeleton, person, frame, keypoint, said_by) "
    "VALUES (1, 'l', 'coco-17', 0, 3, 'nose', 'ann')",
    'INSERT INTO review_item (medium_id, reason, answer) VALUES (1, \'r\', \'{"judgement": 1, "activity": "sit"}\')',
    "INSERT INTO review_item (medium_id, reason, answer) VALUES (1, 'r', '{\"gone\": true}'), (1, 'r', NULL)",
    "INSERT INTO judgement (bento_tag, receipt, is_right, review_item_id) VALUES ('b:1', '{\"id\": \"r1\"}', false, 1)",
    "INSERT INTO model_version (bento_tag, digests, metrics) VALUES ('m:1', '{}', '{}'), ('m:2', '{}', '{}')",
    "INSERT INTO promotion (model_version_id, what, instead_of, reason, digests) VALUES (2, 'promoted', 1, 'r', '{}')",
    "INSERT INTO prediction_log (bento_tag, receipt) VALUES ('b:1', 'r1')",
)


def rows(connection: Connection, columns: str, table: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table} ORDER BY {table}.id"))]


def names(connection: Connection) -> set[tuple[str, str]]:
    """(table, name) of every constraint, index and sequence."""
    query = (
        "SELECT conrelid::regclass::text, conname::text FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace "
        "WHERE n.nspname = current_schema() AND conrelid <> 0 AND contype <> 't' UNION "
        "SELECT tablename::text, indexname::text FROM pg_indexes WHERE schemaname = current_schema() UNION "
        "SELECT 'sequence', sequencename::text FROM pg_sequences WHERE schemaname = current_schema()"
    )
    return {(str(table), str(name)) for table, name in connection.execute(text(query)) if "alembic" not in table}


def test_rows_of_0003_have_the_new_names(engine: Engine) -> None:
    downgrade(engine, "0003")
    with engine.begin() as connection:
        for statement in ROWS:
            connection.exec_driver_sql(statement)
    upgrade(engine)
    with engine.connect() as connection:
        assert revision(connection) == HEAD
        assert rows(connection, "activity, annotated_by, closed_by, valid_to IS NULL", "clip") == [
            ("sit", "ann", "bob", False),
            ("squat", "bob", None, True),
        ]
        assert rows(connection, "medium_id, track_digest", "ground_truth") == [(1, "b")]
        assert rows(connection, "entity_type, reason", "quarantine") == [("medium", "no frame")]
        assert rows(connection, "keypoint, annotated_by, closed_by", "keypoint_correction") == [("nose", "ann", None)]
        assert rows(connection, "bento_tag, provenance, review_item_id", "feedback") == [("b:1", {"id": "r1"}, 1)]
        assert rows(connection, "answer", "review_item") == [
            ({"feedback": 1, "activity": "sit"},),
            ({"gone": True},),
            (None,),
        ]
        assert rows(connection, "model_version_id, action, replaced_version", "promotion") == [(2, "promoted", 1)]
        assert rows(connection, "provenance", "prediction_log") == [("r1",)]
    with engine.begin() as connection:  # numbers go on where they were
        number = connection.scalar(
            text("INSERT INTO feedback (bento_tag, provenance, is_right) VALUES ('b:1', '{}', true) RETURNING id")
        )
        assert number == 2


def test_rows_of_0004_go_back_to_the_old_names(engine: Engine) -> None:
    downgrade(engine, "0003")
    with engine.begin() as connection:
        before = names(connection)
        for statement in ROWS:
            connection.exec_driver_sql(statement)
    upgrade(engine)
    downgrade(engine, "0003")
    with engine.connect() as connection:
        assert rows(connection, "activity, said_by, ended_by", "clip") == [
            ("sit", "ann", "bob"),
            ("squat", "bob", None),
        ]
        assert rows(connection, "medium_id, track_digest", "truth") == [(1, "b")]
        assert rows(connection, "what", "quarantine") == [("medium",)]
        assert rows(connection, "receipt, review_item_id", "judgement") == [({"id": "r1"}, 1)]
        assert rows(connection, "answer", "review_item")[0] == ({"judgement": 1, "activity": "sit"},)
        assert rows(connection, "what, instead_of", "promotion") == [("promoted", 1)]
        assert names(connection) == before


def test_migrated_names_are_those_of_the_schema(engine: Engine) -> None:
    """Constraints, indexes and sequences are called as in a database that was made of the tables at once."""
    with engine.begin() as connection:
        migrated = names(connection)
        connection.exec_driver_sql("CREATE SCHEMA fresh")
        connection.exec_driver_sql("SET LOCAL search_path TO fresh")
        schema.metadata.create_all(connection, checkfirst=False)
        assert migrated == names(connection)
