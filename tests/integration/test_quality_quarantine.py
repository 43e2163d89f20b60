"""The quarantine table follows what validation leaves out."""

from __future__ import annotations

import pandas as pd
import pytest
from sqlalchemy import Engine

from posemill.quality.quarantine_update import update_quarantine
from posemill.quality.rejection import COLUMNS
from posemill.store import catalog
from posemill.store.clips import ClipRow, add_clip
from posemill.store.media_rows import MediumRow, add_medium

DIGEST = "a" * 64

pytestmark = pytest.mark.slow


def rejected(*rows: tuple[str, int | None, int | None, str]) -> pd.DataFrame:
    full = [(what, clip, DIGEST, person, "expect(x)", reason) for what, clip, person, reason in rows]
    return pd.DataFrame(full, columns=list(COLUMNS)).astype({"clip": "Int64", "person": "Int64"})


def test_rows_are_opened_once_with_all_reasons_and_resolved_when_they_pass(engine: Engine) -> None:
    """Slow: needs a real PostgreSQL, since what makes a row unique is an index of the database."""
    with engine.begin() as connection:
        add_medium(connection, MediumRow(DIGEST, "d", "a.mp4", "test"))
        add_clip(connection, ClipRow(DIGEST, "test", activity="walk"))
        clip = int(connection.exec_driver_sql("select id from clip").scalar_one())
        faults = rejected(
            ("clip", clip, None, "too short"), ("clip", clip, None, "nobody"), ("track", None, 2, "jumps")
        )
        assert update_quarantine(connection, faults) == 2
        assert update_quarantine(connection, faults) == 0
        rows = {(r["entity_type"], r["clip"], r["person"]): r["reason"] for r in catalog.open_quarantine(connection)}
        assert rows == {("clip", clip, None): "too short; nobody", ("track", None, 2): "jumps"}
        assert update_quarantine(connection, faults.tail(1)) == 0
        assert [r["entity_type"] for r in catalog.open_quarantine(connection)] == ["track"]
        assert update_quarantine(connection, faults.head(0)) == 0
        assert catalog.open_quarantine(connection) == []
        assert update_quarantine(connection, faults) == 2
