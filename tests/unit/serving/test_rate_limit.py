"""The sliding minute, with a clock of its own."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.serving.middleware.rate_limit import MOST_CALLERS, RateLimiter


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_waits_as_long_as_told_is_let_in() -> None:
    clock = Clock()
    rates = RateLimiter(clock)
    assert [rates.take("a", 3) for _ in range(3)] == [0.0] * 3
    wait_s = rates.take("a", 3)
    assert 0 < wait_s <= 120
    clock.now += wait_s - 0.5
    assert rates.take("a", 3) > 0
    clock.now += 0.6
    assert rates.take("a", 3) == 0.0


@settings(max_examples=40)
@given(st.lists(st.floats(0, 30), min_size=1, max_size=40), st.integers(1, 12))
def test_never_twice_as_many_as_allowed_and_every_wait_is_enough(steps: list[float], allowed: int) -> None:
    clock = Clock()
    rates, let_in = RateLimiter(clock), []
    for step in steps:
        clock.now += step
        wait_s = rates.take("a", allowed)
        if wait_s:
            clock.now += wait_s
            assert rates.take("a", allowed) == 0.0
        let_in.append(clock.now)
    for at in let_in:
        assert sum(at - 60 < other <= at for other in let_in) <= 2 * allowed


def test_a_flood_of_addresses_is_forgotten_again() -> None:
    rates = RateLimiter(Clock())
    for caller in range(MOST_CALLERS + 100):
        rates.take(caller, 5)
    assert len(rates._counts) == MOST_CALLERS
