"""Verdicts: signed, verified, and what they release, on a real PostgreSQL.

Slow (a database): that nothing is released without a verdict on exactly these bytes is the point of acceptance.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Connection, Engine, text

from posemill.cli.main import cli
from posemill.errors import GateError, InputError
from posemill.settings import Settings
from posemill.store.acceptances import release, verdicts
from posemill.uat.bentos import bento_digest, find_bento
from posemill.uat.release import promote_bento, report_of, verdict
from posemill.uat.signing import sign, verify
from tried_bento import PICTURE, Tried, report_on, tried_bento

pytestmark = pytest.mark.slow


@pytest.fixture
def tried(engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tried:
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    with engine.begin() as connection:
        return tried_bento(connection, settings, "first")


def signed(
    connection: Connection, settings: Settings, folder: Path, *, reject: bool = False, why: str | None = None
) -> int:
    done = sign(connection, settings, folder, by="anna", reject=reject, conditions=why, added_by="x")
    return done.number


def stages(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT stage FROM model_version ORDER BY id")))


def test_a_verdict_is_recorded_and_releases_exactly_its_bento(tried: Tried, engine: Engine, settings: Settings) -> None:
    folder = report_on(tried, settings.workspace / "build" / "uat" / "1")
    with pytest.raises(GateError, match="nothing is released: nobody signed a verdict on the bento"):
        promote_bento(settings, tried.tag)
    run = CliRunner().invoke(cli, ["uat", "sign", "--by", "anna", str(folder), "--json"])
    assert run.exit_code == 0, run.output
    assert report_of(settings, tried.tag) == folder
    said = verdict(settings, tried.tag)
    assert said is not None
    assert (said["client"], said["passed"], said["report_digest"]) == (
        "anna",
        True,
        json.loads(run.stdout)["report digest"] + said["report_digest"][12:],
    )
    with engine.begin() as connection:
        assert stages(connection) == ["accepted"]
        second = tried_bento(connection, settings, "second")
        signed(connection, settings, report_on(second, settings.workspace / "2", run="f" * 16), why="with care")
    first = promote_bento(settings, tried.tag)
    assert (first["version"], first["replaced_version"]) == (tried.version, None)
    assert promote_bento(settings, tried.tag) == first  # once
    then = promote_bento(settings, second.tag)
    assert (then["version"], then["replaced_version"]) == (second.version, tried.version)
    with engine.connect() as connection:
        assert stages(connection) == ["retired", "released"]
        rows = connection.execute(text("SELECT action, digests->>'bento' FROM promotion ORDER BY id")).all()
        assert [tuple(r) for r in rows] == [
            ("promoted", bento_digest(find_bento(settings, t.tag))) for t in (tried, second)
        ]


def test_a_rejection_releases_nothing_and_the_last_word_counts(
    tried: Tried, engine: Engine, settings: Settings
) -> None:
    folder = report_on(tried, settings.workspace / "1", passed=False)
    with engine.begin() as connection:
        with pytest.raises(InputError, match="accept it under conditions"):
            signed(connection, settings, folder)
        signed(connection, settings, folder, why="only in the gym")
    with engine.begin() as connection:
        signed(connection, settings, folder, reject=True, why="falls are missed")
        assert stages(connection) == ["rejected"]
    with pytest.raises(GateError, match=r"posemill-analysis:first is not released: anna rejected it on .*: falls are"):
        promote_bento(settings, tried.tag)
    with engine.connect() as connection:
        assert [v["passed"] for v in verdicts(connection)] == [False, True]
        assert connection.scalar(text("SELECT count(*) FROM promotion")) == 0


def change_report(settings: Settings, folder: Path) -> None:
    file = folder / "report.json"
    file.write_text(file.read_text().replace('"passed": true', '"passed": false'))


def change_page(settings: Settings, folder: Path) -> None:
    (folder / "report.html").write_text("all is well")


def change_picture(settings: Settings, folder: Path) -> None:
    (folder / PICTURE).write_bytes(b"another")


def change_code(settings: Settings, folder: Path) -> None:
    (settings.home / "bentoml/bentos/posemill-analysis/first/src/service.py").write_text("# other\n")


def change_model(settings: Settings, folder: Path) -> None:
    (settings.home / "bentoml/models/posemill-activity/first/more.onnx").write_bytes(b"x")


@pytest.mark.parametrize(
    ("change", "bento", "report"),
    [
        (change_report, "unchanged", "changed: "),
        (change_page, "unchanged", "changed: report.html"),
        (change_picture, "unchanged", f"changed: {PICTURE}"),
        (change_code, "changed: its files", "unchanged"),
        (change_model, "changed: its files", "unchanged"),
    ],
)
def test_what_was_changed_after_signing_is_told(
    tried: Tried, engine: Engine, settings: Settings, change: Callable[[Settings, Path], None], bento: str, report: str
) -> None:
    folder = report_on(tried, settings.workspace / "build" / "uat" / "1")
    with engine.begin() as connection:
        signed(connection, settings, folder)
        (before,) = verify(connection, settings)
        assert before.good
    service = settings.home / "bentoml/bentos/posemill-analysis/first"
    (service / "src" / "__pycache__").mkdir()
    (service / "src" / "__pycache__" / "service.pyc").write_bytes(b"Python's own")
    card = service / "bento.yaml"
    card.write_text(card.read_text().replace("2026-01-01", "2027-01-01"))  # the same built again
    assert CliRunner().invoke(cli, ["uat", "verify", str(folder)]).exit_code == 0
    change(settings, folder)
    with engine.connect() as connection:
        for (found,) in (verify(connection, settings), verify(connection, settings, path=folder)):
            assert not found.good
            assert found.bento.startswith(bento)
            assert found.report.startswith(report)
    assert CliRunner().invoke(cli, ["uat", "verify"]).exit_code == 1
    if bento != "unchanged":  # a verdict on other bytes is none
        with pytest.raises(GateError, match="nobody signed"):
            promote_bento(settings, tried.tag)


def test_what_cannot_be_signed(tried: Tried, engine: Engine, settings: Settings, tmp_path: Path) -> None:
    folder = report_on(tried, tmp_path / "report")
    with engine.begin() as connection:
        with pytest.raises(InputError, match="was never signed"):
            verify(connection, settings, path=folder)
        change_page(settings, folder)
        with pytest.raises(InputError, match=r"report\.html beside .* changed after the run"):
            signed(connection, settings, folder)
        with pytest.raises(InputError, match="cannot be read"):
            signed(connection, settings, tmp_path / "none")
        other = Tried("posemill-analysis:other", tried.digests, 0)
        with pytest.raises(InputError, match="has no bento posemill-analysis:other"):
            signed(connection, settings, report_on(other, tmp_path / "other"))
        with pytest.raises(GateError, match="nobody signed"):
            release(connection, "0" * 64, added_by="x")
