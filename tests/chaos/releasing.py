"""Work: `posemill models promote` of one version after the other; every promotion is a write.

The history of promotions is a chain: each names the version that it took the place of, the one promoted before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from sqlalchemy import text

from chaos.history import ACKNOWLEDGED, ASKED, Verdict, check
from chaos.place import Bench, Place
from chaos.shim import WritePoint
from chaos.zygote import Child
from posemill.store.versions import record_model_version

TAGS = tuple(f"posemill-activity:{name}" for name in ("first", "second", "third", "fourth"))
DONE = "promoted "  # and the tag


def promote() -> None:
    """In the child: `posemill models promote` for each of these."""
    from chaos.zygote import posemill

    for tag in os.environ["CHAOS_TAGS"].split():
        sys.argv[:] = ["posemill", "models", "promote", tag, "--force", "--reason", "tried", "--quiet"]
        with suppress_success():
            posemill()
        os.write(1, f"{DONE}{tag}\n".encode())


@contextmanager
def suppress_success() -> Iterator[None]:
    """A command that ends well does not end the process."""
    try:
        yield
    except SystemExit as exc:
        if exc.code:
            raise


class Releasing:
    """See the module."""

    name = "release of model versions"

    def __init__(self, bench: Bench, shares: int = 1) -> None:
        """shares: how many processes promote at once, each its own versions."""
        self.bench, self._shares, self._turn = bench, shares, 0
        self._database = bench.postgres.database()
        engine = bench.postgres.engine(self._database)
        with engine.begin() as connection:
            for tag in TAGS:
                digests = {"model": tag[-1] * 64}
                record_model_version(connection, bento_tag=tag, digests=digests, added_by="test", metrics={})
        engine.dispose()

    def place(self) -> Place:
        """See Work."""
        place = self.bench.place(None, self._database.rsplit("/", 1)[1])
        for tag in TAGS:
            place.history.add(ASKED, tag)
        return place

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        done = {line.removeprefix(DONE) for output in place.outputs for line in output.splitlines()}
        own = TAGS[self._turn % self._shares :: self._shares]
        self._turn += 1
        left = " ".join(tag for tag in own if tag not in done)
        return self.bench.start(place, "chaos.releasing:promote", [], point, {"CHAOS_TAGS": left})

    def after_fault(self, place: Place) -> None:
        """One version is released at the most, the one of the newest promotion; promotions are a chain."""
        rows, released = self._promotions(place), self._released(place)
        if released != [row["version"] for row in rows[-1:]]:
            place.half.append(f"released: {released}, of {[row['version'] for row in rows]}")
        torn = [(a["version"], b["replaced"]) for a, b in pairwise(rows) if b["replaced"] != a["version"]]
        place.half += [f"{replaced} was replaced, not {before}" for before, replaced in torn]

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        self.after_fault(place)
        for output in place.outputs:
            for line in output.splitlines():
                if line.startswith(DONE):
                    place.history.add(ACKNOWLEDGED, line.removeprefix(DONE))
        there = [str(row["bento_tag"]) for row in self._promotions(place)]
        return check(place.history, there, place.half)

    def _promotions(self, place: Place) -> list[dict[str, Any]]:
        query = (
            "SELECT v.bento_tag, v.id AS version, p.replaced_version AS replaced FROM promotion p "
            "JOIN model_version v ON v.id = p.model_version_id WHERE p.action = 'promoted' ORDER BY p.id"
        )
        return self._rows(place, query)

    def _released(self, place: Place) -> list[int]:
        return [row["id"] for row in self._rows(place, "SELECT id FROM model_version WHERE stage = 'released'")]

    def _rows(self, place: Place, query: str) -> list[dict[str, Any]]:
        engine = self.bench.postgres.engine(place.url)
        with engine.connect() as connection:
            rows = [dict(row) for row in connection.execute(text(query)).mappings()]
        engine.dispose()
        return rows
