"""Scenarios against a service that answers over HTTP, and the report that is left.

Slow (a server, a rendered clip): what a client signs is this report.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

import stand_in_service
from posemill.cli.main import cli
from posemill.errors import InputError
from posemill.serving.schemas.activity import Receipt
from posemill.uat import report as reports
from stand_in_service import PROVENANCE as RECEIPT
from stand_in_service import Scene, StandIn

pytestmark = pytest.mark.slow

SCENARIOS = """
owner: anna
scenarios:
  - {name: walks, path: clip.mp4, expect: [{activity: walk}, {activity: walk, start_s: 0.2, end_s: 1.6}], never: [fall]}
  - {name: waves, path: clip.mp4, expect: [{activity: wave, start_s: 1.6, end_s: 2.4}]}
  - {name: squats, path: clip.mp4, person: any, expect: [{activity: squat, start_s: 2.0, end_s: 3.6}]}
  - {name: broken, path: broken.mp4, expect: [{activity: walk}]}
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    digests = {k: v for k, v in RECEIPT.items() if k not in ("id", "bento")}
    monkeypatch.setitem(RECEIPT, "id", Receipt.of(RECEIPT["bento"], digests).id)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
    folder = tmp_path / "acceptance"
    folder.mkdir()
    (folder / "a.yaml").write_text(SCENARIOS)
    return tmp_path


@pytest.fixture
def stand_in(workspace: Path) -> Iterator[tuple[StandIn, str]]:
    folder = workspace / "acceptance"
    service = StandIn(Scene.render(folder))
    shutil.copy(service.scene.clip, folder / "clip.mp4")
    shutil.copy(service.scene.clip, folder / "broken.mp4")
    with stand_in_service.serving(service.app()) as url:
        yield service, url


def test_every_scenario_has_an_outcome_with_evidence(stand_in: tuple[StandIn, str], workspace: Path) -> None:
    out = workspace / "report"
    command = ["uat", "run", "--service", stand_in[1], "--out", str(out), "--json"]
    ran = CliRunner().invoke(cli, command)
    assert ran.exit_code == 1, ran.output
    told = json.loads(ran.stdout.splitlines()[-1])
    assert (told["passed"], told["bento"]) == (False, RECEIPT["bento"])
    outcomes = {s["name"]: s for s in told["scenarios"]}
    assert {name: s["passed"] for name, s in outcomes.items()} == {
        "walks": True,
        "waves": False,
        "squats": True,
        "broken": False,
    }
    waves = outcomes["waves"]["checks"][0]
    assert "covers 0% of 1.6 to 2.4 s" in waves["says"]
    assert (waves["moment_s"], waves["answered"]) == (2.0, "wave 0.41, abstained")
    assert (outcomes["squats"]["person"], outcomes["walks"]["person"]) == (1, 0)
    assert "is not a video that can be read" in outcomes["broken"]["says"]
    assert outcomes["broken"]["picture"] is None
    pictures = {s["picture"] for s in outcomes.values() if s["picture"]}
    assert {f"pictures/{p.name}" for p in (out / "pictures").iterdir()} == pictures
    assert all((out / p).read_bytes()[:2] == b"\xff\xd8" for p in pictures)
    page = (out / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == len(pictures) == 3
    assert reports.changed_files(out) == []
    assert set(told["files"]) == {"acceptance/a.yaml", "report.html", *pictures}


def test_a_clip_that_is_missing_is_told_before_anything_is_asked(
    stand_in: tuple[StandIn, str], workspace: Path
) -> None:
    (workspace / "acceptance" / "broken.mp4").unlink()
    with pytest.raises(InputError, match=r"a\.yaml, 'broken': there is no file"):
        CliRunner().invoke(cli, ["uat", "run", "--service", stand_in[1]], catch_exceptions=False)
    assert stand_in[0].uploads == []
    assert not (workspace / "build").exists()
