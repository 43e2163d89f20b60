"""`posemill label --watch`: goes on after what may pass, ends by what will not."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from posemill.cli import label
from posemill.errors import InputError, PosemillError, Unavailable


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_it_looks_again_until_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[PosemillError | None] = [None, Unavailable("the database is away"), None, InputError("bad params")]
    waits: list[float] = []

    def once(*_: bool) -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    monkeypatch.setattr(label, "_once", once)
    monkeypatch.setattr(label, "time", SimpleNamespace(sleep=waits.append))
    result = CliRunner().invoke(label.label, ["--watch", "7"])
    assert waits == [7, 7, 7]
    assert isinstance(result.exception, InputError)
    assert "retryable: the database is away" in result.output


def test_sigterm_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label, "_once", lambda *_: None)
    # of this module alone: another thread of these tests that sleeps would end them
    monkeypatch.setattr(label, "time", SimpleNamespace(sleep=lambda _: signal.raise_signal(signal.SIGTERM)))
    assert CliRunner().invoke(label.label, ["--watch", "7"]).exit_code == 128 + signal.SIGTERM
