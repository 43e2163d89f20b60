"""Time of the catalogue's and the ledger's queries with many media, made by SQL.

    python benchmarks/catalogue.py [--media 1000000] [--json]

An embedded database with so many videos of 100 datasets, a clip each, and their labelling jobs, every tenth of them
queued. `page` is a list of 1,000 rows from the middle, `lease` one claim among 200 jobs, `plan` what `posemill label
--plan` does, its store's listing being given (see label_plan.py for one), `lineage` the clips of a model that was
trained on 10,000 of them, `summary` what the snapshot stage asks: `first` of a database whose inventory was never
taken, then after one clip was corrected. The fastest of three, but of the first summary.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, Engine, text

from posemill.labelling.plan import make_plan
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.embedded import EmbeddedServer
from posemill.store.ledger import Ledger
from posemill.store.lineage import clip_rows, corrected_keypoints
from posemill.store.postgres import open_engine

CORRECTION = "UPDATE clip SET activity = 'another' WHERE id = (SELECT max(id) / 2 FROM clip)"
FINGERPRINT, PAGE, TRAINED, WINDOW = "made", 1000, 10_000, 200
ROWS = (
    "INSERT INTO dataset (name, added_by) SELECT 'set' || d, 'made' FROM generate_series(0, 99) d",
    "INSERT INTO subject (name, added_by) SELECT 'subject' || s, 'made' FROM generate_series(0, 999) s",
    """INSERT INTO medium (digest, dataset, source, width_px, height_px, fps, frames, duration_s, probed_at, added_by)
       SELECT encode(sha256(i::text::bytea), 'hex'), 'set' || i % 100, i || '.mp4', 640, 480, 30, 300, 10, now(), 'made'
       FROM generate_series(1, :media) i""",
    """INSERT INTO clip (medium_id, activity, subject, annotated_by)
       SELECT id, 'activity' || id % 12, 'subject' || id % 1000, 'made' FROM medium ORDER BY id""",
    """INSERT INTO label_job (medium_id, fingerprint, end_frame, state, frames, seconds, added_by)
       SELECT id, 'made', 300, CASE WHEN id % 10 = 0 THEN 'queued' ELSE 'done' END, 300, 10, 'made'
       FROM medium ORDER BY id""",
)


def fill(engine: Engine, media: int) -> None:
    """Insert the rows, without the audit trail's triggers, and let the planner know of them."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in ROWS:
            connection.execute(text(statement), {"media": media} if ":media" in statement else {})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


@dataclass
class Listed:
    """A store that has listed all its files."""

    found: set[str]

    def names(self, *_: str) -> set[str]:
        """See PoseStore."""
        return self.found

    def media(self, _: str) -> set[str]:
        """See TrackStore."""
        return self.found


def labeller_of(connection: Connection, ledger: Ledger) -> Any:
    """A labeller whose store has the chunks and tracks of all jobs that are done."""
    chunks = set(ledger.done_names(connection))
    stores = {"poses": Listed(chunks), "tracks": Listed({name[:64] for name in chunks})}
    return SimpleNamespace(params=LabelParams(), fingerprint="tracks", media=None, **stores)


def queries(connection: Connection, ledger: Ledger, media: int) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    labeller = labeller_of(connection, ledger)
    middle = media // 2
    digests = [str(row["digest"]) for row in catalog.media(connection, after=middle, limit=TRAINED)]
    numbers = [int(row["clip"]) for row in catalog.clips(connection, after=middle, limit=TRAINED)]
    jobs = list(
        connection.scalars(
            text("SELECT id FROM label_job WHERE state = 'queued' ORDER BY id LIMIT :window"), {"window": WINDOW}
        )
    )
    connection.commit()
    now = datetime.now(UTC)
    return {
        "page of media": lambda: catalog.media(connection, after=middle, limit=PAGE),
        "page of media of a dataset": lambda: catalog.media(connection, ["set7"], after=middle, limit=PAGE),
        "page of clips": lambda: catalog.clips(connection, after=middle, limit=PAGE),
        "page of clips of a dataset": lambda: catalog.clips(connection, ["set7"], after=middle, limit=PAGE),
        "medium by digest": lambda: catalog.find_medium(connection, digests[0][:12]),
        "lease": lambda: ledger.claim(jobs, "made", 1, 0.0),
        "rate": ledger.rate,
        "plan": lambda: make_plan(labeller, ledger, catalog.videos(connection), 0),
        "lineage": lambda: (clip_rows(connection, numbers), corrected_keypoints(connection, digests, now)),
        "summary, after a correction": lambda: (connection.execute(text(CORRECTION)), catalog.inventory(connection)),
    }


def measure(engine: Engine, media: int) -> dict[str, float]:
    """Seconds of each query, by name."""
    fill(engine, media)
    seconds = {}
    with engine.begin() as connection:
        seconds["summary, first"] = round(_timed(lambda: catalog.inventory(connection)), 3)
    with engine.connect() as connection:
        for name, query in queries(connection, Ledger(engine, FINGERPRINT), media).items():
            seconds[name] = round(min(_timed(query) for _ in range(3)), 3)
            connection.commit()
    return seconds


def _timed(query: Callable[[], Any]) -> float:
    started = time.perf_counter()
    query()
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="posemill-catalogue-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder)
    engine = open_engine(Settings(folder, folder, server.start(), str(folder / "store")))
    try:
        seconds = measure(engine, arguments.media)
    finally:
        engine.dispose()
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
    if arguments.json:
        print(json.dumps({"benchmark": "catalogue", "media": arguments.media, "seconds": seconds}))
    else:
        for name, taken in seconds.items():
            print(f"{name:28}{taken:9.3f} s")


if __name__ == "__main__":
    main()
