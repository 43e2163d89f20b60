"""Rate limit: a sliding minute, two numbers for each caller."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

MINUTE_S = 60.0
MOST_CALLERS = 20_000  # of whom is remembered; a flood of addresses costs no more memory than this


class RateLimiter:
    """Counts requests by caller, in the last 60 s: this minute, and its share of the one before."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: OrderedDict[Hashable, list[float]] = OrderedDict()  # [minute, requests in it, in the one before]

    def take(self, caller: Hashable, per_minute: int) -> float:
        """Count one request; returns 0, or the seconds to wait where it is one too many (then it is not counted)."""
        now = self._clock() / MINUTE_S
        minute = float(int(now))
        counts = self._counts_of(caller, minute)
        share = 1.0 - (now - minute)  # of the minute before that is still within 60 s
        if counts[1] + counts[2] * share < per_minute:
            counts[1] += 1
            return 0.0
        return MINUTE_S * self._wait(counts, per_minute, now - minute)

    def _counts_of(self, caller: Hashable, minute: float) -> list[float]:
        counts = self._counts.get(caller)
        if counts is None:
            counts = self._counts[caller] = [minute, 0.0, 0.0]
            if len(self._counts) > MOST_CALLERS:
                self._counts.popitem(last=False)
        elif counts[0] != minute:
            counts[:] = [minute, 0.0, counts[1] if counts[0] == minute - 1 else 0.0]
            self._counts.move_to_end(caller)
        return counts

    @staticmethod
    def _wait(counts: list[float], per_minute: int, into: float) -> float:
        """Minutes until one more fits: when enough of the older minute has gone, or of this one in the next."""
        room = per_minute - counts[1]
        if room > 0:  # counts[2] * (1 - into - wait) < room
            return max(0.0, 1.0 - into - room / counts[2]) + 1e-6
        return (1.0 - into) + max(0.0, 1.0 - per_minute / counts[1]) + 1e-6
