"""The flow of retention: its figures, and a failure that names what is left."""

from __future__ import annotations

import pytest
from flows import retention as module

from posemill.erasure.retention import RetentionResult
from posemill.errors import PosemillError


def result(*left: str) -> RetentionResult:
    return RetentionResult(
        dry_run=False,
        videos_removed=2,
        media_erased=1,
        uploads_removed=0,
        predictions_removed=5,
        media=[3, 4],
        erased=[1],
        left=list(left),
    )


def test_the_figures_are_those_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "remove_expired", lambda dry_run: result())
    (done,) = module.retention.fn(dry_run=True)
    assert done.figures == {
        "dry_run": False,
        "videos_removed": 2,
        "media_erased": 1,
        "uploads_removed": 0,
        "predictions_removed": 5,
        "leftovers_removed": 0,
    }


def test_what_is_left_fails_the_flow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "remove_expired", lambda dry_run: result("workspace: /ws/scenario.yaml"))
    with pytest.raises(PosemillError, match=r"1 places still hold something: workspace: /ws/scenario.yaml"):
        module.retention.fn()
