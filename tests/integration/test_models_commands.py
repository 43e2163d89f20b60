"""Promotions, refusals and rollbacks as rows of a real database, judged on the tracks of a small workspace.

Slow: a PostgreSQL; that a refusal is kept although the command fails can only be seen there.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from judged_workspace import CLASSES, filmed, judged_workspace
from packaged import write_package
from posemill.cli.models import models
from posemill.errors import GateError, InputError, Unavailable
from posemill.features.pipeline import FeaturePipeline
from posemill.operations import champion
from posemill.settings import Settings
from posemill.stages.workspace import Workspace
from posemill.store.lineage import SCHEMA
from posemill.store.media import MediaStore
from posemill.store.versions import record_acceptance, record_model_version

pytestmark = pytest.mark.slow
TAG = "posemill-activity:"


def knows(count: int) -> Any:
    """A model that finds the first `count` activities by what moves, and says rest otherwise."""

    def probabilities(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        moves = np.ptp(windows[..., :2], axis=1).max(1)
        best = np.where(moves.max(1) < 20, 0, np.where(moves[:, 1] > moves[:, 0], 1, 2))
        return np.eye(3, dtype=np.float32)[np.where(best < count, best, 0)]

    return probabilities


@pytest.fixture
def inputs(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Four packaged versions, none released: a knows rest, b one more, c and d everything. The store has stand-ins."""
    inputs = judged_workspace(settings.workspace / "ws")
    features = FeaturePipeline.load(inputs.output("prepare") / "features.json")
    for name, value in {"WORKSPACE": inputs.root, "HOME": settings.home, "DATABASE_URL": settings.database_url}.items():
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    skills = {"a": 1, "b": 2, "c": 3, "d": 3}
    with engine.begin() as connection:
        for name, accuracy in zip(skills, (0.3, 0.6, 1.0, 1.0), strict=True):
            record_model_version(
                connection,
                bento_tag=TAG + name,
                digests={"model": name * 64},
                added_by="test",
                metrics={"accuracy": accuracy},
                classes=CLASSES,
            )

    def stored(version: Any, _: Settings) -> Any:
        count = skills[version["bento_tag"].removeprefix(TAG)]
        return SimpleNamespace(features=features, classes=tuple(CLASSES), probabilities=knows(count))

    monkeypatch.setattr(champion, "stored_model", stored)
    return inputs


def call(*arguments: str) -> Result:
    return CliRunner().invoke(models, arguments, catch_exceptions=False)


def history() -> list[dict[str, Any]]:
    return [json.loads(line) for line in call("list", "--history", "--json").output.splitlines()]


def stages() -> dict[str, str]:
    rows = [json.loads(line) for line in call("list", "--json").output.splitlines()]
    return {row["bento_tag"].removeprefix(TAG): row["stage"] for row in rows}


def test_a_champion_is_followed_by_a_better_one_and_by_no_other(inputs: Workspace) -> None:
    assert "there was no champion" in call("promote", TAG + "a").output
    assert "changed False" in call("promote", "a").output
    better = call("promote", "c")
    assert "better than the champion" in better.output
    assert "100.0% against 33.3% of the same 18 test clips, 12 gained and 0 lost" in better.output
    with pytest.raises(GateError, match=rf"{TAG}d is not promoted: it is not better than the champion {TAG}c beyond"):
        call("promote", "d")
    with pytest.raises(GateError, match="0 gained and 6 lost"):
        call("promote", "b")
    assert stages() == {"a": "retired", "b": "candidate", "c": "released", "d": "candidate"}
    rows = history()
    assert [(r["action"], r["bento_tag"][-1], (r["before"] or "-")[-1]) for r in rows] == [
        ("refused", "b", "c"),
        ("refused", "d", "c"),
        ("promoted", "c", "a"),
        ("promoted", "a", "-"),
    ]
    assert rows[2]["figures"]["gained"] == 12
    assert rows[2]["figures"]["better"] is True
    assert rows[2]["digests"] == {"model": "c" * 64}
    assert rows[0]["figures"]["better"] is False


def test_a_version_that_was_released_meanwhile_is_not_replaced_unseen(
    inputs: Workspace, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("promote", "a")
    compare = champion.compare

    def slow(*given: Any) -> Any:
        monkeypatch.setattr(champion, "compare", compare)
        call("promote", "b", "--force", "--reason", "somebody else's")
        return compare(*given)

    monkeypatch.setattr(champion, "compare", slow)
    with pytest.raises(Unavailable, match=rf"{TAG}c is not promoted: another version was released while it was compar"):
        call("promote", "c")
    assert stages() == {"a": "retired", "b": "released", "c": "candidate", "d": "candidate"}
    assert "changed True" in call("promote", "c").output
    newest, *_ = history()
    assert (newest["bento_tag"], newest["before"]) == (f"{TAG}c", f"{TAG}b")


def test_force_is_kept_as_such_and_a_rollback_goes_back_step_by_step(inputs: Workspace) -> None:
    for tag in ("a", "c"):
        call("promote", tag)
    with pytest.raises(InputError, match="--force requires --reason"):
        call("promote", "d", "--force")
    call("promote", "d", "--force", "--reason", "it is smaller")
    assert history()[0]["reason"].startswith("forced: it is smaller (not better than the champion")
    back = json.loads(call("rollback", "--reason", "it is slower too", "--json").output)
    assert back == {"champion": TAG + "c", "replaced_version": TAG + "d", "reason": "it is slower too"}
    assert history()[0]["action"] == "rolled back"
    assert stages()["d"] == "retired"
    call("rollback", "--reason", "once more")
    assert stages() == {"a": "released", "b": "candidate", "c": "retired", "d": "retired"}
    with pytest.raises(InputError, match="a is the first model version that was released"):
        call("rollback", "--reason", "and again")


def test_who_was_rejected_or_is_unknown(inputs: Workspace, engine: Engine) -> None:
    with pytest.raises(InputError, match=r"no model version is named 'z'; known are .*:d"):
        call("promote", "z")
    with pytest.raises(InputError, match="there is nothing to roll back"):
        call("rollback", "--reason", "why not")
    with engine.begin() as connection:
        record_acceptance(connection, bento_tag=TAG + "b", passed=False, client="x", report={}, added_by="test")
    with pytest.raises(GateError, match="it is rejected by its acceptance"):
        call("promote", "b")
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT action, replaced_version FROM promotion")).all()
    assert rows == [("refused", None)]


def test_without_a_test_split_it_is_said_what_to_run(inputs: Workspace) -> None:
    call("promote", "a")
    (inputs.output("prepare") / "index.parquet").unlink()
    with pytest.raises(InputError, match=r"no test split in .*prepare to compare on: `dvc repro`"):
        call("promote", "c")
    forced = call("promote", "c", "--force", "--reason", "known to be good")
    assert "forced: known to be good (not compared: no test split" in forced.output


def test_clips_that_made_a_model_do_not_judge_it(inputs: Workspace, engine: Engine, tmp_path: Path) -> None:
    """People 3 and 4 of the test split were in the training of an earlier split: 12 of 18 clips are left."""
    settings = Settings.from_env()
    columns = {name: [None] * 3 for name in SCHEMA}
    rows = {**columns, "medium": [filmed(n).medium for n in (3, 4, 8)], "split": ["train", "validation", "test"]}
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(tmp_path / "lineage.parquet")
    digest = MediaStore(settings.store_url).put(tmp_path / "lineage.parquet")
    old = {"bento_tag": TAG + "a", "digests": {"lineage": str(getattr(digest, "digest", digest))}}
    new = {"bento_tag": TAG + "c", "digests": {}}
    assert champion.compare(new, old, inputs, settings).clips == 12


def test_a_packaged_model_is_found_by_its_digests(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    folder = settings.home / "bentoml" / "models" / "posemill-activity" / "v1"
    write_package(folder)
    digests = json.loads((folder / "digests.json").read_text())
    found = champion.stored_model({"bento_tag": TAG + "x", "digests": digests}, settings)
    assert found.classes == ("rest", "squat", "wave")
    with pytest.raises(InputError, match=r"the model of .*:x is not in .*package it again"):
        champion.stored_model({"bento_tag": TAG + "x", "digests": {**digests, "model": "0" * 64}}, settings)
