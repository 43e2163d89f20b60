"""Queries of the catalogue and the ledger stay fast with many media: PostgreSQL answers them by indexes, a page at a
time. Asked of its own plan, on 20,000 media."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, Engine, event, text

from posemill.cli.main import cli
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.ledger import Ledger
from posemill.store.lineage import clip_rows, corrected_keypoints

MEDIA, PAGE = 20_000, 100
LARGE = {"medium", "clip", "label_job"}


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """20,000 videos of 20 datasets with a clip and a job each."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in (
            "INSERT INTO dataset (name, added_by) SELECT 'set' || d, 'test' FROM generate_series(0, 19) d",
            "INSERT INTO medium (digest, dataset, source, frames, added_by) SELECT encode(sha256(i::text::bytea), "
            f"'hex'), 'set' || i % 20, i || '.mp4', 300, 'test' FROM generate_series(1, {MEDIA}) i",
            "INSERT INTO clip (medium_id, activity, annotated_by) SELECT id, 'wave', 'test' FROM medium ORDER BY id",
            "INSERT INTO label_job (medium_id, fingerprint, state, frames, seconds, added_by) SELECT id, 'f', "
            "CASE WHEN id % 10 = 0 THEN 'queued' ELSE 'done' END, 300, 10, 'test' FROM medium ORDER BY id",
        ):
            connection.execute(text(statement))
        connection.execute(text("ANALYZE"))
    return engine


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes, top down."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def explained(engine: Engine, query: Callable[[], object]) -> list[dict[str, Any]]:
    """Nodes of the plans of all statements that a function runs on an engine."""
    asked: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        query()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    found = []
    with engine.connect() as connection:
        for statement, parameters in asked:
            if statement.lstrip().startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
                (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).one()
                found += list(nodes(plan[0]["Plan"]))
    assert found
    return found


def scanned(found: list[dict[str, Any]]) -> set[str]:
    """Large tables that are read from end to end."""
    return {str(node["Relation Name"]) for node in found if node["Node Type"].endswith("Seq Scan")} & LARGE


def with_connection(engine: Engine, query: Callable[[Connection], object]) -> Callable[[], None]:
    """The query as a function of nothing."""

    def run() -> None:
        with engine.connect() as connection:
            query(connection)

    return run


def test_no_query_of_a_few_rows_reads_a_table_from_end_to_end(filled: Engine) -> None:
    ledger = Ledger(filled, "f")
    with filled.connect() as connection:
        digests = [str(row["digest"]) for row in catalog.media(connection, limit=PAGE)]
        numbers = [int(row["clip"]) for row in catalog.clips(connection, limit=PAGE)]
    queries: dict[str, Callable[[Connection], object]] = {
        "media": lambda c: catalog.media(c, after=MEDIA // 2, limit=PAGE),
        "media of a dataset": lambda c: catalog.media(c, ["set7"], after=MEDIA // 2, limit=PAGE),
        "clips": lambda c: catalog.clips(c, after=MEDIA // 2, limit=PAGE),
        "clips of a medium": lambda c: catalog.clips(c, medium=digests[0]),
        "medium by digest": lambda c: catalog.find_medium(c, digests[0][:12]),
        "clips of a model": lambda c: clip_rows(c, numbers),
        "corrections of a model": lambda c: corrected_keypoints(c, digests, datetime.now(UTC)),
        "lease": lambda c: ledger.claim(list(range(1, 201)), "me", 1, 60.0),
        "rate": lambda c: ledger.rate(),
        "facts of what is to be done": lambda c: catalog.video_facts(c, digests),
        "jobs of what is to be done": lambda c: ledger.jobs(c, digests[:20]),
    }
    assert {name: scanned(explained(filled, with_connection(filled, ask))) for name, ask in queries.items()} == {
        name: set() for name in queries
    }


def test_an_inventory_reads_the_parts_that_changed(filled: Engine) -> None:
    """And the whole plan of labelling reads of the ledger what is not done, beside the names of what is."""
    with filled.begin() as connection:
        before = catalog.inventory(connection)
        connection.execute(text("UPDATE clip SET activity = 'sit' WHERE id IN (7, 15000)"))

    def again(connection: Connection) -> None:
        assert catalog.inventory(connection).digest != before.digest

    asked = explained(filled, with_connection(filled, again))
    assert scanned(asked) == set()
    read = [node for node in asked if node.get("Relation Name") == "medium" and "Scan" in node["Node Type"]]
    assert {node["Node Type"] for node in read} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
    ledger = Ledger(filled, "f")
    found = explained(filled, with_connection(filled, lambda c: ledger.open_media(c)))
    assert "label_job" not in scanned(found)


def test_a_page_is_read_in_order_without_sorting(filled: Engine) -> None:
    for ask in (
        lambda c: catalog.media(c, after=MEDIA // 2, limit=PAGE),
        lambda c: catalog.clips(c, after=MEDIA // 2, limit=PAGE),
    ):
        found = explained(filled, with_connection(filled, ask))
        assert not [node for node in found if node["Node Type"] in ("Sort", "Incremental Sort")]


def test_the_plan_would_tell_of_a_table_that_is_read_whole(filled: Engine) -> None:
    whole = with_connection(filled, lambda c: c.execute(text("SELECT count(frames) FROM medium")))
    assert scanned(explained(filled, whole)) == {"medium"}


def test_pages_follow_each_other_and_are_everything(engine: Engine) -> None:
    rows = [catalog.MediumRow(f"{i:064x}", "ab"[i % 2], str(i), "me") for i in range(7)]
    with engine.begin() as connection:
        catalog.add_media(connection, rows)
        catalog.add_clips(connection, [catalog.ClipRow(row.digest, "me", activity="wave") for row in rows])
        for listed, key in ((catalog.media, "id"), (catalog.clips, "clip")):
            after, found = 0, []
            while page := listed(connection, after=after, limit=3):
                found += [row[key] for row in page]
                after = found[-1]
            assert found == [row[key] for row in listed(connection)]
            assert len(found) == 7
        assert len(catalog.media(connection, ["b"], limit=2)) == 2
        assert catalog.videos(connection) == [row.digest for row in rows]


def test_commands_list_a_page(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.begin() as connection:
        rows = [catalog.MediumRow(f"{i:064x}", "a", str(i), "me") for i in range(5)]
        catalog.add_media(connection, rows)
        catalog.add_clips(connection, [catalog.ClipRow(row.digest, "me", activity="wave") for row in rows])
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    for command, key in ((["media"], "id"), (["segments", "list"], "clip")):
        pages = []
        for options in (["--limit", "2"], ["--limit", "9", "--after", "2"]):
            listed = CliRunner().invoke(cli, [*command, *options, "--json"])
            assert listed.exit_code == 0, listed.output
            pages += [json.loads(line)[key] for line in listed.output.splitlines()]
        assert pages == [1, 2, 3, 4, 5]
