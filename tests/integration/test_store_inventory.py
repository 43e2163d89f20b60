"""The inventory by parts says what reading everything would say, whoever else writes meanwhile."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, text

from older_schema import downgrade
from posemill.store import catalog
from posemill.store.inventory import forget_changed, inventory
from posemill.store.postgres import upgrade

A, B, C = (letter * 64 for letter in "abc")


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Two media of two datasets, with clips, and one in another part."""
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow(A, "a", "1", "me"), catalog.MediumRow(B, "b", "2", "me")])
        connection.execute(
            text("INSERT INTO medium (id, digest, dataset, source) VALUES (5000, :d, 'a', '3')"), {"d": C}
        )
        catalog.add_clips(connection, [catalog.ClipRow(m, "me", 0, 1, "wave", f"s{m[0]}") for m in (A, B, C)])
    return engine


def whole(connection: Connection) -> catalog.Inventory:
    """The inventory when nothing of it is kept."""
    connection.execute(text("TRUNCATE inventory_part, inventory_change"))
    return inventory(connection)


CHANGES = {
    "a medium more": "INSERT INTO medium (digest, dataset) VALUES (repeat('d', 64), 'a')",
    "another source": "UPDATE medium SET source = 'x' WHERE id = 5000",
    "another dataset": "UPDATE medium SET dataset = 'b' WHERE id = 5000",
    "a duplicate": "UPDATE medium SET duplicate_of = 1 WHERE id = 5000",
    "a clip more": "INSERT INTO clip (medium_id, activity) VALUES (5000, 'sit')",
    "a corrected clip": "UPDATE clip SET activity = 'sit' WHERE id = 2",
    "a clip that moves": "UPDATE clip SET medium_id = 5000, start_s = 9, end_s = 10 WHERE id = 1",
    "a clip that is closed": "UPDATE clip SET valid_to = now(), closed_by = 'me' WHERE id = 3",
    "a clip less": "DELETE FROM clip WHERE id = 1",
    "a corrected keypoint": "INSERT INTO keypoint_correction (medium_id, labeller, skeleton, person, frame, keypoint) "
    "VALUES (5000, 'l', 'coco-17', 0, 0, 'nose')",
    "released from quarantine": "INSERT INTO quarantine (entity_type, medium_id, stage, reason, resolved_at) "
    "VALUES ('medium', 5000, 'ingest', 'no', now() + interval '1 day')",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_and_undone_is_as_before(filled: Engine, change: str) -> None:
    with filled.begin() as connection:
        before = inventory(connection)
    with filled.connect() as connection:
        connection.execute(text(change))
        changed = inventory(connection)
        assert changed != before
        assert changed == whole(connection)
        connection.rollback()
        assert inventory(connection) == before == whole(connection)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE medium SET width_px = 4, height_px = 4, fps = 30, frames = 9, duration_s = 0.3, probed_at = now()",
        "INSERT INTO quarantine (entity_type, medium_id, stage, reason) VALUES ('medium', 1, 'ingest', 'no')",
        "UPDATE clip SET activity = activity WHERE false",
    ],
)
def test_what_ingest_writes_leaves_every_part_as_it_is(filled: Engine, change: str) -> None:
    with filled.begin() as connection:
        before = inventory(connection)
        connection.execute(text(change))
        assert connection.scalar(text("SELECT count(*) FROM inventory_change")) == 0
        assert inventory(connection) == before == whole(connection)


def test_only_the_parts_that_changed_are_read_again(filled: Engine) -> None:
    def kept(connection: Connection) -> dict[tuple[int, str], str]:
        rows = connection.execute(text("SELECT part, dataset, xmin::text FROM inventory_part"))
        return {(part, dataset): made for part, dataset, made in rows}

    with filled.begin() as connection:
        inventory(connection)
    with filled.begin() as connection:
        before = kept(connection)
        connection.execute(text("UPDATE clip SET activity = 'sit' WHERE id = 3"))
        inventory(connection)
        after = kept(connection)
    assert set(before) == {(0, "a"), (0, "b"), (4, "a")}
    assert {key for key in before if before[key] != after[key]} == {(4, "a")}


def test_a_transaction_that_commits_late_is_not_lost(filled: Engine) -> None:
    """Its change is written before an inventory and committed after it."""
    with filled.connect() as writer:
        writer.execute(text("UPDATE clip SET activity = 'sit' WHERE id = 1"))
        with filled.begin() as reader:
            before = inventory(reader)
        writer.commit()
    with filled.begin() as reader:
        assert inventory(reader) != before
        assert inventory(reader) == whole(reader)


def test_datasets_are_apart(filled: Engine) -> None:
    with filled.begin() as connection:
        only_b, everything = inventory(connection, ["b"]), inventory(connection)
        connection.execute(text("UPDATE clip SET activity = 'sit' WHERE medium_id = 1"))
        assert inventory(connection, ["b"]) == only_b
        assert inventory(connection) != everything
        (row,) = only_b.datasets
        assert {k: v for k, v in row.items() if k != "newest"} == {
            "dataset": "b",
            "media": 1,
            "clips": 1,
            "labelled_clips": 1,
            "activities": 1,
            "subjects": 1,
        }
        assert [row["subjects"] for row in everything.datasets] == [2, 1]


def test_truncated_tables_are_an_empty_inventory(filled: Engine) -> None:
    with filled.begin() as connection:
        inventory(connection)
        connection.execute(text("TRUNCATE medium CASCADE"))
        assert inventory(connection).datasets == ()


def test_parts_of_before_the_migration_are_read(filled: Engine) -> None:
    with filled.begin() as connection:
        before = inventory(connection)
    downgrade(filled, "0012")
    upgrade(filled)
    with filled.begin() as connection:
        assert inventory(connection) == before


def test_what_is_erased_leaves_no_trace_in_the_parts(filled: Engine) -> None:
    with filled.begin() as connection:
        inventory(connection)
        connection.execute(text("DELETE FROM clip WHERE medium_id = 1"))
        forget_changed(connection)
        left = connection.execute(text("SELECT part, dataset FROM inventory_part ORDER BY 1, 2")).all()
        assert [tuple(row) for row in left] == [(4, "a")]
        assert inventory(connection) == whole(connection)
