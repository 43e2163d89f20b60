"""Working ahead, in order, with bounds."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from posemill.labelling.prefetch import batched, prefetched


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

    seen = []
    with pytest.raises(ValueError, match="ends here"):
        seen.extend(prefetched(items(), 5))
    assert seen == [1, 2]
