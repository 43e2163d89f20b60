"""Databases of earlier versions keep what they hold."""

from __future__ import annotations

from sqlalchemy import Engine, text

from older_schema import downgrade
from posemill.store.migrations import HEAD
from posemill.store.postgres import revision, upgrade


def test_jobs_of_whole_media_become_one_chunk_each(engine: Engine) -> None:
    downgrade(engine, "0001")
    with engine.begin() as connection:
        assert revision(connection) == "0001"
        connection.execute(text("INSERT INTO dataset (name) VALUES ('d')"))
        connection.execute(text("INSERT INTO medium (dataset, digest) VALUES ('d', repeat('a', 64))"))
        connection.execute(text("INSERT INTO label_job (medium_id, fingerprint, state) VALUES (1, 'f', 'done')"))
    upgrade(engine)
    with engine.begin() as connection:
        assert revision(connection) == HEAD
        row = connection.execute(text("SELECT * FROM label_job")).mappings().one()
        assert (row["state"], row["start_frame"], row["end_frame"], row["seconds"]) == ("done", 0, None, None)
        connection.execute(text("INSERT INTO label_job (medium_id, fingerprint, start_frame) VALUES (1, 'f', 300)"))
    downgrade(engine, "0001")
    with engine.connect() as connection:  # back again: the rows that 0001 has no words for are gone, the others stay
        assert connection.execute(text("SELECT state FROM label_job")).scalars().all() == ["done"]
