"""Retention: what is older than the policy says goes, what is younger stays, and the audit trail says so."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import Engine, text

from posemill.cli.main import cli
from posemill.erasure import retention
from posemill.handover.keys import own_key
from posemill.params.retention import RetentionParams
from posemill.settings import Settings
from posemill.store import audit, catalog
from posemill.store.media import MediaStore
from posemill.store.predictions import record_predictions

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AGES = {"old": 100, "middle": 40, "new": 1}  # days


@pytest.fixture
def media(settings: Settings, engine: Engine) -> dict[str, str]:
    """Videos and answers of three ages in the dataset gym, and one old video in the dataset ward."""
    store, digests = MediaStore(settings.store_url), {}
    with engine.begin() as connection:
        for name, dataset, days in [*((n, "gym", d) for n, d in AGES.items()), ("ward", "ward", 10)]:
            digest = digests[name] = store.put_bytes(name.encode())
            catalog.add_media(connection, [catalog.MediumRow(digest, dataset, f"{name}.mp4", "me")])
            catalog.add_clips(connection, [catalog.ClipRow(digest, "me", activity="walk", subject=name)])
            at = NOW - timedelta(days=days)
            values = {"at": at, "digest": digest}
            connection.execute(text("UPDATE medium SET added_at = :at WHERE digest = :digest"), values)
            record_predictions(connection, [{"bento_tag": "b:1", "activity": "walk", "added_at": at}])
        for name, days in (("upload", 50), ("fresh upload", 2)):
            digests[name] = store.put_bytes(name.encode())
            connection.execute(
                text(
                    "INSERT INTO feedback (bento_tag, provenance, upload_digest, is_right, added_at) "
                    "VALUES ('b:1', '{}', :digest, false, :at)"
                ),
                {"digest": digests[name], "at": NOW - timedelta(days=days)},
            )
    return digests


def run(settings: Settings, engine: Engine, dry_run: bool = False, **policy: object) -> retention.RetentionResult:
    params = RetentionParams.model_validate(policy)
    return retention.run(params, settings, engine, lambda: own_key(settings.home), dry_run=dry_run, now=NOW)


def stored(settings: Settings, media: dict[str, str]) -> set[str]:
    store = MediaStore(settings.store_url)
    return {name for name, digest in media.items() if store.has(digest)}


def test_without_a_policy_nothing_goes(settings: Settings, engine: Engine, media: dict[str, str]) -> None:
    done = run(settings, engine)
    assert (done.videos_removed, done.media_erased, done.uploads_removed, done.predictions_removed) == (0, 0, 0, 0)
    assert stored(settings, media) == set(media)


def test_what_is_older_goes_by_dataset(settings: Settings, engine: Engine, media: dict[str, str]) -> None:
    policy = {"media": 30, "tracks": 90, "uploads": 30, "prediction_log": 35, "datasets": {"ward": {"media": 5}}}
    killed = Path(settings.store_url) / "media" / "aa" / f"{'a' * 64}.0123abcd.part"
    killed.parent.mkdir(exist_ok=True)
    killed.write_bytes(b"half a video")
    os.utime(killed, (0, 0))
    planned = run(settings, engine, dry_run=True, **policy)
    assert killed.exists()
    assert stored(settings, media) == set(media)
    done = run(settings, engine, **policy)
    assert done.model_dump(exclude={"dry_run"}) == planned.model_dump(exclude={"dry_run"})
    assert (done.videos_removed, done.media_erased, done.uploads_removed, done.predictions_removed) == (2, 1, 1, 2)
    assert (done.leftovers_removed, killed.exists()) == (1, False)
    assert stored(settings, media) == {"new", "fresh upload"}
    with engine.connect() as connection:
        subjects = [row["subject"] for row in catalog.clips(connection)]
        assert sorted(subjects) == ["middle", "new", "ward"]  # labels stay without the video
        assert connection.scalar(text("SELECT count(*) FROM prediction_log")) == 2
        assert audit.verify(connection).faults == ()
        recorded = {(e["object"], e["rows"]) for e in audit.entries(connection, 50) if e["action"] == "retention"}
        assert recorded == {("media", 2), ("uploads", 1), ("prediction_log", 2)}
    (record,) = (settings.home / "erasures").glob("*/record.json")
    assert media["old"] in record.read_text()
    again = run(settings, engine, **policy)
    assert (again.videos_removed, again.media_erased, again.uploads_removed, again.predictions_removed) == (0, 0, 0, 0)


def test_the_command_reads_params_yaml(
    settings: Settings, engine: Engine, media: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"WORKSPACE": settings.workspace, "DATABASE_URL": settings.database_url}.items():
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    (settings.workspace / "params.yaml").write_text(yaml.safe_dump({"retention": {"prediction_log": 1e-9}}))
    dry = CliRunner().invoke(cli, ["retention", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "predictions removed 4" in dry.output
    done = CliRunner().invoke(cli, ["retention", "--json"])
    assert done.exit_code == 0, done.output
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM prediction_log")) == 0
    assert stored(settings, media) == set(media)


def test_the_deployment_is_registered() -> None:
    deployments = yaml.safe_load((Path(__file__).parents[2] / "prefect.yaml").read_text())["deployments"]
    (entry,) = [d["entrypoint"] for d in deployments if d["name"] == "daily-retention"]
    assert entry == "flows/retention.py:retention"
