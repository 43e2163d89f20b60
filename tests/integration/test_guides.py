"""The guides of the documentation, word for word: every command of their `sh` blocks, in a small finished workspace.

Slow (two to three minutes): rendered people go through the real graph once, and what the guides do is done for real.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from event_receivers import free_port
from posemill.store.embedded import EmbeddedServer
from posemill.synth.corpus import Plan, stage, write
from server_statement import fresh_database
from small_demo import SmallDemo, small_demo
from toy_workspace import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
GUIDES = REPOSITORY / "docs" / "guides"
# two epochs teach little, so the scenario is of what needs no model
SCENARIO = {"name": "jumps are counted", "path": "../clip.mp4", "application": "repetitions"}
SCENARIOS = {"owner": "anna", "scenarios": [SCENARIO | {"expect_summary": {"repetitions": {"low": 1, "high": 12}}}]}


@pytest.fixture(scope="module")
def demo(postgres_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDemo]:
    """A finished workspace with a scenario, a clip to try and the examples, on a database of its own."""
    with fresh_database(str(postgres_server.url()), "guided") as url:
        made = small_demo(tmp_path_factory.mktemp("guided") / "workspace", url)
        write(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)), made.root).rename(made.root / "clip.mp4")
        shutil.copytree(REPOSITORY / "examples", made.root / "examples", dirs_exist_ok=True)
        (made.root / "acceptance").mkdir(exist_ok=True)
        (made.root / "acceptance" / "agreed.yaml").write_text(yaml.safe_dump(SCENARIOS))
        yield made


def follow(demo: SmallDemo, guide: str) -> str:
    """Give one shell all commands of a guide, and return what it says; the first one that fails ends it."""
    text = (GUIDES / f"{guide}.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert blocks, guide
    lines = "".join(blocks).replace("3000", str(free_port()))
    log = demo.root / f"{guide}.log"
    with log.open("wb") as out:
        command = ["/bin/bash", "-euo", "pipefail", "-c", lines]
        process = subprocess.Popen(command, cwd=demo.root, env=demo.env, stdout=out, stderr=out, start_new_session=True)
        try:
            status = process.wait(900)
        finally:  # with the service that the guide may have started
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    said = log.read_text()
    assert status == 0, said[-4000:]
    return said


def test_every_guide_is_followed() -> None:
    followed = set(re.findall(r'follow\(demo, "(\w+)"\)', Path(__file__).read_text()))
    with_commands = {path.stem for path in GUIDES.glob("*.md") if "```sh\n" in path.read_text()}
    assert with_commands == followed


def test_operator(demo: SmallDemo) -> None:
    said = follow(demo, "operate")
    assert "posemill_" in said.split("keys list")[-1]  # the metrics of a service that runs
    assert "each as it was written" in said
    assert demo.run("posemill keys list").count("prometheus") == 1
    assert "acme" not in demo.run("posemill keys list")


def test_annotator(demo: SmallDemo) -> None:
    follow(demo, "annotate")
    history = [json.loads(line) for line in demo.run("posemill segments list --history --json").splitlines()]
    (corrected,) = [row for row in history if row["annotated_by"] == "anna"]
    assert corrected["activity"] == "wave"
    assert len(history) == 19  # 18 clips, and the row that was corrected
    assert (demo.root / "review" / "annotations.xml").is_file()


def test_client(demo: SmallDemo) -> None:
    said = follow(demo, "client")
    assert "Anna Client" in demo.run("posemill uat verify")
    assert "lineage" in said


def test_developer(demo: SmallDemo) -> None:
    said = follow(demo, "develop")
    assert "person 0 raises a hand" in said
