"""Work: messages into a spool, each acknowledged by a line once it is on the disk."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from chaos.history import ACKNOWLEDGED, ASKED, Verdict, check
from chaos.place import Bench, Place
from chaos.shim import WritePoint
from chaos.zygote import Child
from posemill.delivery.spool import Spool

MESSAGES = 12


@dataclass(frozen=True)
class Message:
    """A message of a known length."""

    id: str
    sent_at: float

    def encoded(self) -> bytes:
        """See delivery.Message."""
        return json.dumps({"id": self.id, "sent_at": self.sent_at, "text": "x" * 400}).encode()


def decoded(content: bytes) -> Message:
    """Errors: ValueError."""
    fields = json.loads(content)
    return Message(fields["id"], fields["sent_at"])


def add() -> None:
    """In the child: add what is not acknowledged yet."""
    spool = Spool(Path("spool"), decoded)
    known = Path(os.environ["CHAOS_ACKNOWLEDGED"]).read_text().split()
    for number in range(MESSAGES):
        if str(number) not in known:
            try:
                spool.add(Message(str(number), 1000.0 + number))
            except OSError as exc:
                sys.exit(f"not kept: {exc}")
            os.write(1, f"{number}\n".encode())


class Spooling:
    """See the module."""

    name = "spool of events"

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def place(self) -> Place:
        """See Work."""
        place = self.bench.place()
        for number in range(MESSAGES):
            place.history.add(ASKED, str(number))
        return place

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        known = place.folder.with_name(f"{place.folder.name}.known")
        known.write_text("\n".join(self._acknowledged(place)))
        return self.bench.start(place, "chaos.spooling:add", [], point, {"CHAOS_ACKNOWLEDGED": str(known)})

    def after_fault(self, place: Place) -> None:
        """What was acknowledged is there before anything is done again."""
        if (place.folder / "spool").is_dir():
            there = {message.id for message in Spool(place.folder / "spool", decoded).waiting()}
            place.half += [f"acknowledged and gone: {name}" for name in self._acknowledged(place) if name not in there]
            refused = place.folder / "spool" / "refused"
            place.half += [path.name for path in refused.glob("*")] if refused.is_dir() else []

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        self.after_fault(place)
        for name in self._acknowledged(place):
            place.history.add(ACKNOWLEDGED, name)
        there = [message.id for message in Spool(place.folder / "spool", decoded).waiting()]
        return check(place.history, there, place.half)

    def _acknowledged(self, place: Place) -> list[str]:
        return [line for output in place.outputs for line in output.splitlines() if line.isdigit()]
