"""Work: `posemill import table` of a file with six sequences of keypoints; all of it is one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import text

from chaos.history import ACKNOWLEDGED, ASKED, Verdict, check
from chaos.place import Bench, Place
from chaos.shim import WritePoint
from chaos.zygote import Child
from made_up_tracks import made_up
from posemill.formats.registry import export_tracks
from posemill.store.media import digest_of

MEDIA = 6
_ROWS = text("""
    SELECT m.digest, m.kind, m.dataset, m.frames, m.duration_s, c.activity, c.subject, c.start_s, c.end_s,
           c.annotated_by
    FROM medium m LEFT JOIN clip c ON c.medium_id = m.id AND c.valid_to IS NULL ORDER BY m.digest, c.subject
""")


class Importing:
    """Every sequence is a write, acknowledged when the command ends well."""

    name = "import"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._template = bench.postgres.folder / "import-template"
        self._template.mkdir()
        export_tracks([made_up(seed, people=2, frames=30) for seed in range(MEDIA)], self._template / "tables", "csv")
        place = self.place()
        child = self.start(place)
        if child.wait():
            raise RuntimeError(child.said())
        self._rows, self._files = self._found(place)
        bench.remove(place)

    def place(self) -> Place:
        """See Work."""
        place = self.bench.place(self._template)
        for number in range(MEDIA):
            place.history.add(ASKED, str(number))
        return place

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        command = ["import", "table", str(place.folder / "tables"), "--dataset", "made", "--quiet"]
        return self.bench.start(place, "chaos.zygote:posemill", command, point)

    def after_fault(self, place: Place) -> None:
        """All rows are there, or none; a file under its digest has these bytes; no row without its file."""
        rows, files = self._found(place)
        if rows and rows != self._rows:
            place.half.append(f"{len(rows)} of {len(self._rows)} rows")
        place.half += [f"file {name}" for name, sound in files.items() if not sound]
        place.half += [f"row without its file: {row[0]}" for row in rows if row[0] not in files]

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        self.after_fault(place)
        rows, files = self._found(place)
        for number in range(MEDIA):
            place.history.add(ACKNOWLEDGED, str(number))
        known = [row[0] for row in self._rows]
        there = [str(known.index(row[0])) for row in rows if row[0] in known]
        different = [] if (rows, files) == (self._rows, self._files) else ["rows or files"]
        return check(place.history, there, place.half, different)

    def _found(self, place: Place) -> tuple[list[tuple[Any, ...]], dict[str, bool]]:
        engine = self.bench.postgres.engine(place.url)
        with engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(_ROWS)]
        engine.dispose()
        return rows, {path.name: digest_of(path) == path.name for path in _finals(place.store / "media")}


def _finals(folder: Path) -> list[Path]:
    """Files under their final names: those with nothing but a digest for a name."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and "." not in path.name)
