"""A whole project whose names are scripts: every page that comes of it is opened in a real Chromium, and none runs one.

Slow (two minutes): activities, people, files, data sets' licences and comments hold elements that would run, go through
the real graph and into a bundle, and whatever HTML and SVG was written is opened; so a report that somebody adds is
tried too. Pages of services are in test_page.py and test_verdicts_on_the_page.py.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from chromium import chromium
from hostile_texts import HOSTILE, SHORT, hostile_report, require_nothing_ran
from moving_bodies import ACTIVITIES, FPS, body, flat
from posemill.edge.runtime import Runtime
from posemill.edge.server import HealthServer
from posemill.edge.stream import Shown
from posemill.monitoring import comparison_report
from posemill.monitoring.comparison import SIDES, Comparison, ComparisonLimit
from posemill.operations import external_report
from posemill.operations.external_results import ExternalResult, ExternalVerdict
from posemill.params.evaluate import Gates
from posemill.pose.skeleton import COCO_17
from posemill.stages.workspace import STAGES
from posemill.store.embedded import EmbeddedServer
from posemill.uat import report as reports
from server_statement import fresh_database
from small_demo import SmallDemo, clone
from tried_bento import Tried

pytestmark = pytest.mark.slow
PARAMS = {stage: {} for stage in STAGES} | {
    "prepare": {
        "window": {"duration_s": 1.0, "stride_s": 0.5, "rate_hz": 12.0},
        "split": {"validation": 0.2, "test": 0.3},
    },
    "train": {"epochs": 4, "min_windows_per_epoch": 200, "hyper": {"tcn": {"width": 16, "dilations": [1, 2]}}},
    "evaluate": {"network": "build/train", "gates": dict.fromkeys(Gates.model_fields)},
}


@pytest.fixture(scope="module")
def project(postgres_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder with a finished workspace and, in `unpacked/`, all of its bundle."""
    folder = tmp_path_factory.mktemp("hostile")
    with fresh_database(str(postgres_server.url()), "hostile_names") as database:
        demo = clone(folder / "workspace", PARAMS, database)
        import_people(demo, folder)
        demo.run("dvc repro")
        licence = f"hands={HOSTILE}".replace("'", "'\\''")
        demo.run(f"posemill handover ../out.posemill --media hands --data-licence '{licence}'")
        with zipfile.ZipFile(folder / "out.posemill") as bundle:
            bundle.extractall(folder / "unpacked")
        yield folder


def import_people(demo: SmallDemo, folder: Path) -> None:
    """Keypoints of people who move a hand; names of activities, people and files are hostile."""
    rows = []
    for person in range(14):
        for label, activity in enumerate(ACTIVITIES):
            keypoint = flat(body(COCO_17, person, activity, 60)).astype("float32")[None]
            about = {"frame_dir": f"P{person:02d}{HOSTILE}@{activity}", "total_frames": 60, "img_shape": (480, 640)}
            score = (keypoint[..., 0] * 0 + 1).astype("float32")
            rows.append({**about, "label": label, "keypoint": keypoint, "keypoint_score": score})
    split = {"all": [row["frame_dir"] for row in rows]}
    (folder / "set.pkl").write_bytes(pickle.dumps({"annotations": rows, "split": split}))
    names = [f"{activity}{SHORT[n % len(SHORT)]}" for n, activity in enumerate(ACTIVITIES)]
    (folder / "classes.txt").write_text("\n".join(names))
    demo.run(
        f"posemill import pyskl ../set.pkl --classes ../classes.txt --subject '^(.+)@' --fps {FPS} --dataset hands"
    )


def acceptance(folder: Path) -> Path:
    digests = dict.fromkeys(("model", "features", "classes"), "a" * 64)
    return hostile_report(Tried("posemill-analysis:x", digests, 1), folder) / reports.PAGE


def shadow(folder: Path) -> Path:
    pair, at = (HOSTILE, f"other {HOSTILE}"), datetime(2026, 3, 1, tzinfo=UTC)
    figures = {side: np.linspace(0.1, 0.9, 20) for side in SIDES}
    compared = Comparison(HOSTILE, HOSTILE, {pair: 3}, {pair: 9}, figures, figures, 1, 1, at, at)
    limits = [ComparisonLimit(HOSTILE, 0.1, 0.5, True)]
    return comparison_report.page(compared, limits, says=HOSTILE, enough=True).write(folder / "shadow.html")


def external(folder: Path) -> Path:
    verdict = ExternalVerdict(
        file=HOSTILE, medium="a", truth=HOSTILE, outcome="wrong", predicted=HOSTILE, probability=0.5, place=HOSTILE,
        changed={HOSTILE: HOSTILE}, note=HOSTILE, windows=3, people=1,
    )  # fmt: skip
    result = ExternalResult(
        folder=HOSTILE, network=HOSTILE, weights=HOSTILE, features="f", labeller=HOSTILE, clips=1, right=0, top1=0.5,
        low=0.1, high=0.9, unanswered=1, abstained=0, unknown=1, unlabelled=1, unreadable=1, agreement={HOSTILE: 0.5},
        top1_changed={HOSTILE: 0.5}, benchmark=None, report=HOSTILE, verdicts=[verdict],
    )  # fmt: skip
    return external_report.page(result, {}).write(folder / "external.html")


PAGES: dict[str, Callable[[Path], Path]] = {"acceptance": acceptance, "shadow": shadow, "external videos": external}


def test_nothing_that_the_project_shows_runs_a_name(project: Path) -> None:
    pages = [path for path in project.rglob("*.*") if path.suffix in (".html", ".svg") and "src" not in path.parts]
    names = {path.name for path in pages}
    assert {"report.html", "exploration.html", "index.html", "recall.svg"} <= names, names
    assert any("validations" in path.parts for path in pages)  # Data Docs
    for name, write in PAGES.items():
        (project / name).mkdir()
        pages.append(write(project / name))
    with chromium() as browser:
        page = browser.new_page()
        hold = project / "control.html"
        hold.write_text(f"<!doctype html><title>control</title>{HOSTILE}")
        page.goto(hold.as_uri())
        page.wait_for_timeout(300)
        assert page.title() == "ran"  # else the following would show nothing
        shown = 0
        for path in pages:
            page.goto(path.as_uri())
            page.wait_for_timeout(100)
            require_nothing_ran(page, path)
            shown += "document.title=" in page.content()
    assert shown > 6  # names are there, as a text


def test_the_page_of_the_edge_runtime_runs_no_name() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    config = SimpleNamespace(name=HOSTILE)
    streams = (SimpleNamespace(config=config, shown=Shown(image, {}, {})),)
    runtime = SimpleNamespace(streams=streams, health=lambda: {"sources": {HOSTILE: {}}})
    with HealthServer(cast(Runtime, runtime), 0) as server, chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/zones")
        page.locator("#source option").wait_for(state="attached")
        page.fill("#name", HOSTILE)
        page.locator("#picture").click(position={"x": 5, "y": 5})
        page.wait_for_timeout(300)
        assert page.locator("#source").input_value() == HOSTILE
        require_nothing_ran(page, "the page of the edge runtime")
