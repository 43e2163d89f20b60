"""Work: `posemill db upgrade` of a database at its third migration, with rows in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from chaos.history import ACKNOWLEDGED, ASKED, Verdict, check
from chaos.place import Bench, Place
from chaos.shim import WritePoint
from chaos.zygote import Child
from older_schema import downgrade
from posemill.store.migrations import HEAD
from posemill.store.postgres import revision

OLD, ROWS = "0003", 40
_COLUMNS = text("""
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY 1, 2
""")


class Migrating:
    """Every row of before is a write, and so is the migration."""

    name = "migration"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        fresh = bench.postgres.engine(bench.postgres.url)
        self._columns = _columns(fresh)
        fresh.dispose()
        self._database = bench.postgres.database()
        engine = bench.postgres.engine(self._database)
        downgrade(engine, OLD)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO dataset (name) VALUES ('d')"))
            for number in range(ROWS):
                digest = f"{number:064x}"
                connection.execute(text("INSERT INTO medium (dataset, digest) VALUES ('d', :d)"), {"d": digest})
        engine.dispose()

    def place(self) -> Place:
        """See Work."""
        place = self.bench.place(None, self._database.rsplit("/", 1)[1])
        for number in range(ROWS):
            place.history.add(ASKED, f"{number:064x}")
            place.history.add(ACKNOWLEDGED, f"{number:064x}")
        return place

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        return self.bench.start(place, "chaos.zygote:posemill", ["db", "upgrade"], point)

    def after_fault(self, place: Place) -> None:
        """It is at the old migration or at the new one, never between."""
        engine = self.bench.postgres.engine(place.url)
        with engine.connect() as connection:
            at = revision(connection)
        if at not in (OLD, HEAD):
            place.half.append(f"at migration {at}")
        engine.dispose()

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        self.after_fault(place)
        engine = self.bench.postgres.engine(place.url)
        with engine.connect() as connection:
            there = list(connection.scalars(text("SELECT digest FROM medium")))
        different = [] if _columns(engine) == self._columns else ["tables"]
        engine.dispose()
        return check(place.history, there, place.half, different)


def _columns(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(_COLUMNS)]
