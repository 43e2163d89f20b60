"""Hold timer: a state machine with hysteresis that turns a stream of recognised poses into holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Recognised:
    """A pose as the model sees it at one moment; `enters` is the stricter of the two thresholds.

    name    the pose; None = no pose is known.
    side    left, right or None.
    enters  it is sure and still enough for a hold to begin; `keeps`: for one of this name to go on.
    """

    name: str | None
    side: str | None = None
    enters: bool = False
    keeps: bool = False
    probability: float = 0.0


NOTHING = Recognised(None)


@dataclass(slots=True)
class Hold:
    """A pose that is held, or may become a hold.

    start_s, last_s  seconds; the first and the newest moment at which it was seen.
    sides            how often each side was seen.
    """

    name: str
    start_s: float
    last_s: float
    sides: Counter[str | None] = field(default_factory=Counter)
    probability: float = 0.0
    told: bool = False

    @property
    def hold_s(self) -> float:
        """Seconds held so far."""
        return self.last_s - self.start_s

    @property
    def side(self) -> str | None:
        """The side seen most often; None where the pose has none."""
        return self.sides.most_common(1)[0][0] if self.sides else None


@dataclass(slots=True)
class HoldTimer:
    """Times one person's holds.

    min_hold_s  from which a pose counts as held; release_s: a pause up to this long does not end it.

    Examples:
        >>> timer = HoldTimer(min_hold_s=1.0, release_s=0.5)
        >>> tree = Recognised("tree", "left", enters=True, keeps=True)
        >>> [timer.update(t / 2, tree) for t in range(4)][-1]
        []
        >>> timer.current.told, timer.current.hold_s
        (True, 1.5)
        >>> [hold.name for hold in timer.update(4.0, NOTHING)]
        ['tree']
    """

    min_hold_s: float
    release_s: float
    current: Hold | None = None

    def update(self, time_s: float, seen: Recognised) -> list[Hold]:
        """Take what is recognised at a time; return the holds that ended."""
        ended: list[Hold] = []
        hold = self.current
        if hold is not None and self._goes_on(hold, time_s, seen):
            self._count(hold, time_s, seen)
            return ended
        if hold is not None and (time_s - hold.last_s > self.release_s or (seen.enters and not hold.told)):
            ended += self.finish()
            hold = None
        if hold is None and seen.enters and seen.name is not None:
            self.current = Hold(seen.name, time_s, time_s)
            self._count(self.current, time_s, seen)
        return ended

    def finish(self) -> list[Hold]:
        """End what is held; returns it where it was held long enough."""
        hold, self.current = self.current, None
        return [hold] if hold is not None and hold.told else []

    def _goes_on(self, hold: Hold, time_s: float, seen: Recognised) -> bool:
        return seen.name == hold.name and seen.keeps and time_s - hold.last_s <= self.release_s

    def _count(self, hold: Hold, time_s: float, seen: Recognised) -> None:
        hold.last_s, hold.probability = time_s, seen.probability
        hold.sides[seen.side] += 1
        hold.told = hold.told or hold.hold_s >= self.min_hold_s
