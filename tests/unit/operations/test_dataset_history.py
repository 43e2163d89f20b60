"""Clips at a time of the database's clock, which may be another than this machine's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from posemill.operations.dataset_history import clips_at

HOUR = timedelta(hours=1)


def row(activity: str, annotated_at: datetime, valid_to: datetime | None = None) -> Any:
    place = {"medium": "m", "start_s": 0.0, "end_s": 2.0, "subject": None, "split": None, "dataset": "d"}
    return {**place, "activity": activity, "annotated_at": annotated_at, "valid_to": valid_to}


def activities(rows: list[Any], when: datetime | None = None) -> list[str | None]:
    return [clip.activity for clip in clips_at(rows, when).values()]


def test_now_is_what_is_open_however_far_the_databases_clock_is_ahead() -> None:
    now = datetime.now(UTC)
    corrected = [row("squat", now, now + HOUR), row("lunge", now + HOUR)]
    assert activities(corrected) == ["lunge"]
    assert activities(corrected, now + HOUR / 2) == ["squat"]
    assert activities([row("squat", now - 2 * HOUR, now - HOUR)]) == []
    set_back = [row("squat", now, now - HOUR), row("lunge", now - HOUR)]  # corrected after the clock was set back
    assert activities(set_back) == ["lunge"]
