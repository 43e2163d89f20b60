from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from posemill.errors import Unavailable
from posemill.serving import batches
from posemill.serving.batches import Array, MicroBatcher


def window(value: float, n: int = 1) -> Array:
    return np.full((n, 2), value, np.float32)


class Model:
    """Says which windows it saw together; its first run waits until `open` is set."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []
        self.open, self.begun = threading.Event(), threading.Event()

    def __call__(self, windows: Array) -> Array:
        first = not self.seen
        self.seen.append(windows[:, 0].tolist())
        self.begun.set()
        if first:
            assert self.open.wait(60)
        if (windows < 0).any():
            raise ValueError("below 0")
        return windows * 10


async def begun(model: Model) -> None:
    await asyncio.get_running_loop().run_in_executor(None, model.begun.wait, 60)


def test_what_came_while_the_model_was_busy_goes_together_and_each_gets_its_own() -> None:
    model = Model()

    async def ask() -> list[Array]:
        runs = MicroBatcher(model, threads=1, batch_size=4)
        asked = [asyncio.ensure_future(runs.run(window(0)))]
        await begun(model)
        asked += [asyncio.ensure_future(runs.run(window(i, n))) for i, n in ((1, 1), (2, 2), (3, 3), (4, 9), (5, 1))]
        await asyncio.sleep(0)
        assert runs.waiting == 16
        model.open.set()
        return list(await asyncio.gather(*asked))

    answers = asyncio.run(ask())
    assert model.seen == [[0], [1, 2, 2], [3, 3, 3], [4] * 9, [5]]  # 3 and 4 do not fit into what was taken
    for i, answer in enumerate(answers):
        np.testing.assert_array_equal(answer, window(10 * i, len(answer)))
    assert [len(a) for a in answers] == [1, 1, 2, 3, 9, 1]


def test_a_fault_reaches_those_who_were_in_that_run() -> None:
    model = Model()
    model.open.set()

    async def ask() -> None:
        runs = MicroBatcher(model, threads=1)
        with pytest.raises(ValueError, match="below 0"):
            await runs.run(window(-1))
        np.testing.assert_array_equal(await runs.run(window(1)), window(10))

    asyncio.run(ask())


def test_windows_that_nobody_waits_for_are_not_predicted() -> None:
    model = Model()

    async def ask() -> None:
        runs = MicroBatcher(model, threads=1)
        first = asyncio.ensure_future(runs.run(window(0)))
        await begun(model)
        gone, stays = asyncio.ensure_future(runs.run(window(1))), asyncio.ensure_future(runs.run(window(2)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        model.open.set()
        await asyncio.gather(first, stays)

    asyncio.run(ask())
    assert model.seen == [[0], [2]]


def test_too_much_is_refused_and_one_large_request_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "WAITING", 10)
    model = Model()

    async def ask() -> None:
        runs = MicroBatcher(model, threads=1)
        first = asyncio.ensure_future(runs.run(window(0, 100)))
        await begun(model)
        second = asyncio.ensure_future(runs.run(window(1, 8)))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many windows wait"):
            await runs.run(window(2, 8))
        model.open.set()
        await asyncio.gather(first, second)

    asyncio.run(ask())
