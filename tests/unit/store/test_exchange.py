"""Files that a stage and its workers exchange through the store, and what is left of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from posemill.errors import InputError
from posemill.store.exchange import FOLDER, Exchange, exchange


def test_a_file_comes_back_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "shard").write_bytes(b"poses")
    with exchange(str(tmp_path / "store")) as driver:
        worker = Exchange(str(tmp_path / "store"), driver.run)
        driver.put("one.parquet", tmp_path / "shard")
        worker.fetch("one.parquet", tmp_path / "there" / "one")
        assert (tmp_path / "there" / "one").read_bytes() == b"poses"
        driver.remove("one.parquet")
        driver.remove("one.parquet")
        with pytest.raises(InputError, match=r"no exchange/.*one\.parquet"):
            worker.fetch("one.parquet", tmp_path / "there" / "two")
        assert not (tmp_path / "there" / "two").exists()
        worker.put("two.cut", tmp_path / "shard")
    assert list((tmp_path / "store" / FOLDER).iterdir()) == []


def test_what_a_killed_run_left_is_removed_after_two_days(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old, recent = (f"{(now - timedelta(hours=h)).strftime('%Y%m%dT%H%M%S')}-abc" for h in (49, 47))
    (tmp_path / "shard").write_bytes(b"poses")
    for run in (old, recent):
        Exchange(str(tmp_path / "store"), run).put("tracks.parquet", tmp_path / "shard")
    with exchange(str(tmp_path / "store")):
        left = {path.name for path in (tmp_path / "store" / FOLDER).iterdir()}
    assert recent in left
    assert old not in left
