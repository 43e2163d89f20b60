"""`posemill apps` and `posemill app`, by a stand-in application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from fixtures.media import film
from made_up_tracks import made_up
from posemill.applications import registry
from posemill.applications.registry import Entry
from posemill.cli.main import cli
from posemill.errors import InputError
from posemill.formats.registry import write_tracks
from posemill.store.track_file import write_medium
from posemill.video.probe import probe

pytestmark = pytest.mark.usefixtures("presence")


@pytest.fixture
def presence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "APPLICATIONS", {"presence": Entry("stand_in_application:Presence", "Says who.")})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))


def command(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_applications_are_listed() -> None:
    assert "Says who." in command("apps")
    row = json.loads(command("apps", "--json"))
    assert row["application"] == "presence"


def test_events_of_stored_tracks_are_printed(tmp_path: Path) -> None:
    write_medium(tmp_path / "a.parquet", made_up(2))
    lines = command("app", "presence", "a.parquet", "--set", "alarm_after_s=0.2").splitlines()
    assert "person 0 came" in lines[0]
    assert any("alarm" in line and "person 1 stays" in line for line in lines)
    assert "frames 12, alarms 2" in lines[-2]
    assert lines[-1] == "Not a medical device."


def test_json_is_one_object_a_line(tmp_path: Path) -> None:
    write_tracks(made_up(2), tmp_path / "csv", "csv")
    rows = [json.loads(line) for line in command("app", "presence", "csv", "--json", "--format", "csv").splitlines()]
    assert [next(iter(row)) for row in rows] == ["event", "event", "measurement", "measurement", "summary"]
    assert rows[-1]["summary"]["params"] == {"alarm_after_s": 1.0}


def test_parameters_come_from_a_file_and_single_ones_win(tmp_path: Path) -> None:
    write_medium(tmp_path / "a.parquet", made_up(2))
    (tmp_path / "mine.yaml").write_text("alarm_after_s: 0.1\n")
    mine = ("app", "presence", "a.parquet", "--json", "--params", "mine.yaml")
    for more, expected in (((), 0.1), (("--set", "alarm_after_s=9"), 9.0)):
        last = json.loads(command(*mine, *more).splitlines()[-1])
        assert last["summary"]["params"] == {"alarm_after_s": expected}


def test_overlay_and_report_of_a_video_are_written(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", frames=10, size=(160, 120))
    command(*("app", "presence", "a.mp4", "--backend", "posenet"), "--overlay", "out/o.mp4", "--report", "out/r.html")
    assert probe(tmp_path / "out" / "o.mp4").frames == 10
    assert "Presence: a.mp4" in (tmp_path / "out" / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("presenc", "a.parquet"), "no application 'presenc'"),
        (("presence", "b.mp4"), "there is no file b.mp4"),
        (("presence", "a.parquet", "--set", "alarm"), "--set takes NAME=VALUE"),
        (("presence", "a.parquet", "--overlay", "o.mp4"), "keypoints only"),
    ],
)
def test_what_cannot_be_is_said(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    write_medium(tmp_path / "a.parquet", made_up(2))
    with pytest.raises(InputError, match=sentence):
        CliRunner().invoke(cli, ("app", *arguments), catch_exceptions=False)
    assert not (tmp_path / "o.mp4").exists()
