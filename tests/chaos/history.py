"""Recorded history of a try, and the check of it: every acknowledged write is there, once; no other is half there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from statistics import median

ASKED, ACKNOWLEDGED, REFUSED = "asked", "acknowledged", "refused"


@dataclass(frozen=True, slots=True)
class Event:
    """A step of one write: it was asked for, acknowledged, or refused (its outcome is then open)."""

    what: str
    write: str


@dataclass(slots=True)
class History:
    """Events of one try in the order in which a client saw them."""

    events: list[Event] = field(default_factory=list)

    def add(self, what: str, write: str) -> None:
        """Record an event."""
        self.events.append(Event(what, write))

    def writes(self, what: str) -> set[str]:
        """The writes with such an event."""
        return {event.write for event in self.events if event.what == what}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The check of one try. lost: acknowledged and not there; doubled: there more than once; half: there in part;
    unknown: there and never asked for; different: outputs that are not the bytes of an undisturbed run.
    """

    acknowledged: int
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    half: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    different: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """True if nothing is wrong."""
        return not (self.lost or self.doubled or self.half or self.unknown or self.different)


def check(
    history: History, there: Iterable[str], half: Collection[str] = (), different: Collection[str] = ()
) -> Verdict:
    """Check a history against what is there in the end.

    Args:
        history: of the try.
        there: names of the writes that are there whole, one name each time.
        half: names of those that are there in part.
        different: outputs that differ from those of an undisturbed run.
    """
    count, acknowledged = Counter(there), history.writes(ACKNOWLEDGED)
    asked = history.writes(ASKED)
    return Verdict(
        acknowledged=len(acknowledged),
        lost=tuple(sorted(acknowledged - set(count))),
        doubled=tuple(sorted(write for write, times in count.items() if times > 1)),
        half=tuple(sorted(half)),
        unknown=tuple(sorted(set(count) - asked)),
        different=tuple(sorted(different)),
    )


@dataclass(slots=True)
class Cell:
    """A cell of the matrix: a fault, where it strikes, and the verdicts of its tries.

    recovery_s  of each try: from the fault until all work is done, seconds.
    tracebacks  how often a process ended in one instead of a sentence.
    note        what a reader of the figures has to know.
    """

    fault: str
    where: str
    seed: int
    verdicts: list[Verdict] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    note: str = ""
    tracebacks: int = 0

    def add(self, verdict: Verdict, recovery_s: float) -> None:
        """Add a try."""
        self.verdicts.append(verdict)
        self.recovery_s.append(recovery_s)

    def row(self) -> dict[str, object]:
        """Its figures."""
        count = {name: sum(len(getattr(v, name)) for v in self.verdicts) for name in ("lost", "doubled", "half")}
        return {
            "fault": self.fault,
            "where": self.where,
            "seed": self.seed,
            "tried": len(self.verdicts),
            "acknowledged": sum(v.acknowledged for v in self.verdicts),
            **count,
            "different": sum(len(v.different) + len(v.unknown) for v in self.verdicts),
            "median_s": round(median(self.recovery_s), 2) if self.recovery_s else None,
            "worst_s": round(max(self.recovery_s), 2) if self.recovery_s else None,
            "tracebacks": self.tracebacks,
            "note": self.note,
        }
