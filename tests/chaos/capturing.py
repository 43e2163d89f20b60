"""Work: `posemill capture` of a file of forty frames; and a stream that crashes, hangs or grows at frame k."""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import text

from chaos.history import ACKNOWLEDGED, ASKED, Cell, Verdict, check
from chaos.place import TRACEBACK, Bench, Place
from chaos.poisoned import POISON
from chaos.shim import WritePoint
from chaos.zygote import Child
from posemill.store.media import digest_of
from posemill.video.probe import probe
from stand_in_labeller import write_video

FRAMES, SILENCE_S = 40, 6.0  # in place of a minute, and with the start of the reader
_ROWS = text("SELECT m.digest FROM medium m JOIN clip c ON c.medium_id = m.id WHERE c.valid_to IS NULL")


def capture() -> None:
    """In the child: `posemill capture`, whose reader meets the poison."""
    from chaos import zygote
    from posemill.video import sandboxed_camera

    sandboxed_camera.SILENCE_S = SILENCE_S
    sys.path.insert(0, POISON)
    zygote.posemill()


class Capturing:
    """The recording is one write, the same bytes each time."""

    name = "capture"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._template = Path(mkdtemp(prefix="capture-", dir=bench.postgres.folder))
        write_video(self._template / "source.mp4", 3, FRAMES)
        place = self.place()
        child = self.start(place)
        if child.wait():
            raise RuntimeError(child.said())
        (self._digest,) = self._found(place)[0]
        bench.remove(place)

    def place(self) -> Place:
        """See Work."""
        place = self.bench.place(self._template)
        place.history.add(ASKED, "recording")
        return place

    def start(self, place: Place, point: WritePoint | None = None, source: str = "source.mp4") -> Child:
        """See Work. The recording's own folder is below the place, so that its writes count."""
        command = ["capture", source, "--seconds", "60", "--dataset", "made", "--activity", "wave", "--json"]
        extra = {"TMPDIR": str(place.folder)} | ({"CHAOS_POISON": place.poison} if place.poison else {})
        return self.bench.start(place, "chaos.capturing:capture", command, point, extra)

    def after_fault(self, place: Place) -> None:
        """No row without its file, and no file that is not what its name says."""
        rows, files = self._found(place)
        place.half += [f"file {name}" for name, sound in files.items() if not sound]
        place.half += [f"row without its file: {row}" for row in rows if row not in files]

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        self.after_fault(place)
        rows, _ = self._found(place)
        place.history.add(ACKNOWLEDGED, "recording")
        different = [row for row in rows if row != self._digest]
        return check(place.history, ["recording" for row in rows if row == self._digest], place.half, different)

    def poisoned(self, place: Place, frame: int, child: Child, code: int) -> Verdict:
        """What came before a poisoned frame is kept; without any frame before it nothing is."""
        self.after_fault(place)
        rows, _ = self._found(place)
        place.history.add(ACKNOWLEDGED, "recording")
        different = []
        if (code == 0) != bool(rows):
            different.append(f"exit code {code} and {len(rows)} recordings")
        if rows:
            kept = probe(place.store / "media" / rows[0][:2] / rows[0]).frames
            said = [json.loads(line)["frames"] for line in child.said().splitlines() if line.startswith("{")]
            if kept > frame or said != [kept]:
                different.append(f"{kept} frames before frame {frame}, said were {said}")
        return check(place.history, ["recording"] * max(1, len(rows)), place.half, different)

    def _found(self, place: Place) -> tuple[list[str], dict[str, bool]]:
        engine = self.bench.postgres.engine(place.url)
        with engine.connect() as connection:
            rows: list[Any] = list(connection.scalars(_ROWS))
        engine.dispose()
        files = [path for path in (place.store / "media").rglob("*") if path.is_file() and "." not in path.name]
        return rows, {path.name: digest_of(path) == path.name for path in files}


def poison_stream(kind: str, work: Capturing, tries: int, seed: int) -> Cell:
    """A live stream whose decoder does that at frame k, the first one too."""
    cell, chance = Cell(f"stream: {kind} at frame k", work.name, seed), random.Random(seed)
    for number in range(tries):
        place = work.place()
        frame = chance.randrange(1, FRAMES) if number else 0
        place.poison = f"{kind}:3:{frame}"
        since = time.monotonic()
        child = work.start(place, source=f"file://{place.folder}/source.mp4")
        code = child.wait(120)
        place.outputs.append(child.said())
        cell.tracebacks += TRACEBACK in child.said()
        cell.add(work.poisoned(place, frame, child, code), time.monotonic() - since)
        work.bench.remove(place)
    cell.note = "frames before it are kept; seconds: of the whole run"
    if kind == "hang":
        cell.note += f", with a limit of {SILENCE_S:.0f} s in place of a minute"
    return cell
