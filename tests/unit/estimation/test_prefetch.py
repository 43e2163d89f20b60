"""Working ahead, in order, with bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from posemill.estimation.prefetch import batched, mapped, prefetched


def test_same_items_in_order() -> None:
    assert list(prefetched(range(100), 3)) == list(range(100))
    assert [len(b) for b in batched(range(10), 4)] == [4, 4, 2]


def test_no_more_than_allowed_waits() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    ahead = prefetched(items(), 2)
    for number in range(5):
        assert next(ahead) == number
    threading.Event().wait(0.3)
    assert len(made) <= 5 + 2 + 1  # taken, waiting, in hand
    ahead.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name == "posemill-prefetch"]


def test_an_error_comes_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the file ends here")

    seen: list[int] = []
    with pytest.raises(ValueError, match="ends here"):
        seen.extend(prefetched(items(), 5))
    assert seen == [1, 2]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_mapped_keeps_the_order_whoever_is_done_first(pool: ThreadPoolExecutor) -> None:
    second = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second.wait(60)  # the first item ends after the second one
        if number == 1:
            second.set()
        return number * number

    assert list(mapped(pool, work, range(20), 4)) == [n * n for n in range(20)]


def test_mapped_takes_no_more_than_it_works_on(pool: ThreadPoolExecutor) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    found = mapped(pool, lambda n: n, items(), 3)
    assert not taken
    for number in range(10):
        assert next(found) == number
        assert len(taken) <= number + 3
    found.close()  # type: ignore[attr-defined]
    assert len(taken) <= 12


def test_mapped_gives_what_came_before_an_error_of_its_items(pool: ThreadPoolExecutor) -> None:
    def items() -> Iterator[int]:
        yield from (1, 2, 3)
        raise ValueError("the file ends here")

    seen: list[int] = []
    with pytest.raises(ValueError, match="ends here"):
        seen.extend(mapped(pool, lambda n: n, items(), 2))
    assert seen == [1, 2, 3]


def test_an_error_of_the_work_comes_in_its_place(pool: ThreadPoolExecutor) -> None:
    seen: list[float] = []
    with pytest.raises(ZeroDivisionError):
        seen.extend(mapped(pool, lambda n: 6 / n, [1, 2, 0, 3], 2))
    assert seen == [6.0, 3.0]
