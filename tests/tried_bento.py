"""A bento in a store with its model version and an acceptance report, to be signed and released; without a model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import Connection

from posemill.settings import Settings
from posemill.store.catalog import record_model_version
from posemill.uat import report as reports
from posemill.uat.checks import Check
from posemill.uat.provenance import Provenance
from posemill.uat.report import Report, ScenarioResult

PICTURE = "pictures/001.jpg"


@dataclass(frozen=True, slots=True)
class Tried:
    """The tag of the analysis bento, the digests of its package, the number of its model version."""

    tag: str
    digests: dict[str, str]
    version: int

    @property
    def provenance(self) -> Provenance:
        """Of its answers."""
        return Provenance.of(self.tag, self.digests)


def tried_bento(connection: Connection, settings: Settings, name: str) -> Tried:
    """Put bentos, model and model version called `name` where they would be, and build/package/bento.json."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    digests = dict.fromkeys(("model", "features", "classes"), digest)
    tags = {kind: f"posemill-{kind}:{name}" for kind in ("activity", "analysis")}
    store = settings.home / "bentoml"
    model = {"tag": f"posemill-activity:{name}"}
    for tag in tags.values():
        folder = store / "bentos" / tag.replace(":", "/")
        (folder / "src").mkdir(parents=True)
        (folder / "src" / "service.py").write_text(f"# {name}\n")
        card = {"models": [model], "creation_time": "2026-01-01"}
        (folder / "bento.yaml").write_text(yaml.safe_dump(card))
    folder = store / "models" / "posemill-activity" / name
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text("creation_time: 2026-01-01\n")
    (folder / "digests.json").write_text(json.dumps(digests))
    package = settings.workspace / "build" / "package"
    package.mkdir(parents=True, exist_ok=True)
    (package / "bento.json").write_text(json.dumps({"model": model["tag"], **tags}))
    number = record_model_version(
        connection, bento_tag=tags["activity"], digests=digests, metrics={}, added_by="stage package"
    )
    return Tried(tags["analysis"], digests, number)


def report_on(tried: Tried, folder: Path, run: str = "0123456789abcdef", passed: bool = True) -> Path:
    """Write a report of one scenario; returns its folder."""
    check = Check(expected="squat", passed=passed, says="as it is", moment_s=1.0, answered="squat 0.90")
    result = ScenarioResult(
        name="squats",
        file="acceptance/a.yaml",
        owner="anna",
        note=None,
        clip="a.mp4",
        clip_digest="0" * 64,
        person=0,
        passed=passed,
        says="as it is",
        seconds=1.0,
        checks=(check,),
        picture=PICTURE,
        alt="a person",
    )
    report = Report(
        run=run,
        at="2026-01-01T00:00:00+00:00",
        posemill="0",
        bento=tried.tag,
        provenance=tried.provenance,
        passed=passed,
        says=f"{int(passed)} of 1 scenarios passed",
        scenarios=(result,),
        files={},
    )
    return reports.write(folder, report, {PICTURE: b"a picture"}).parent
