"""README's "At the edge" and "In the browser", line by line, on a small packaged model, with parity of every runtime.

Slow (a minute or two): a bento is built and served, an edge folder is launched, a browser is started.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from event_receivers import free_port
from judged_workspace import judged_workspace
from packaged import hold_network, write_package
from posemill import models
from posemill.operations.parity import RUNTIMES, available
from posemill.packaging import bento
from posemill.packaging.digests import of_file
from posemill.synth.corpus import Plan, stage, write
from waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REPOSITORY = Path(__file__).resolve().parents[2]
# `posemill` as README calls it; the small service on a free port, since the other one loads OpenPifPaf for a minute
POSEMILL = """#!/bin/sh
if [ "$1" = serve ]; then set -- "$@" --small --port "$PORT"; fi
exec "{python}" -m posemill "$@"
"""
EMBEDDED = {"backend": "posenet", "checkpoint": "posenet", "params": {"backend": "posenet", "checkpoint": "posenet"}}
FOR_MAKE = ("Makefile", "requirements.lock", "pyproject.toml", "tools/preflight.sh")


def commands(title: str) -> list[str]:
    """The commands of a section of README, without their comments."""
    section = (REPOSITORY / "README.md").read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for line in block.splitlines()]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make demo` leaves behind, as far as these lines need it: a model with its bento, held-out clips."""
    if (why := available()[1]) and not os.environ.get("CHROMIUM_REQUIRED"):
        pytest.skip(f"not every runtime is here: {why}")
    root = tmp_path_factory.mktemp("demo")
    inputs = judged_workspace(root, people=5)
    inputs.params.write_text("evaluate: {network: build/train}\n")
    network, card = hold_network()
    models.save(inputs.output("train"), network, card)
    inputs.output("package").mkdir()
    write_package(inputs.output("package"), EMBEDDED, of_file(inputs.output("train") / "network.safetensors"))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        tags = bento.build(inputs.output("package"), REPOSITORY, root / ".posemill")
    (inputs.output("package") / "bento.json").write_text(json.dumps(tags))
    write(stage(Plan(seed=5, subject=1, activity="squat", take=0)), root).rename(root / "clip.mp4")
    (root / "tools").mkdir()
    for name in FOR_MAKE:
        shutil.copy(REPOSITORY / name, root / name)
    program = root / ".venv" / "bin" / "posemill"
    program.parent.mkdir(parents=True)
    program.write_text(POSEMILL.format(python=sys.executable))
    program.chmod(0o755)
    (root / ".venv" / ".installed").touch()
    return root


def environment(root: Path, port: int = 0) -> dict[str, str]:
    path = os.pathsep.join((str(root / ".venv" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]))
    own = {"POSEMILL_WORKSPACE": root, "POSEMILL_HOME": root / ".posemill", "XDG_STATE_HOME": root / "state"}
    kept = {key: value for key, value in os.environ.items() if key != "BENTOML_HOME"}
    return kept | {"PATH": path, "PORT": str(port)} | {key: str(value) for key, value in own.items()}


def run(root: Path, line: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", line], cwd=root, env=environment(root), capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


@contextmanager
def running(root: Path, line: str, port: int) -> Iterator[None]:
    """Run a line that serves until it is stopped."""
    command, env = ["/bin/sh", "-c", line], environment(root, port)
    with (root / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=root, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def test_at_the_edge(workspace: Path) -> None:
    export, watch, parity = commands("At the edge")
    assert export.startswith("posemill export edge")
    run(workspace, export)
    said = [json.loads(line) for line in run(workspace, watch).splitlines()]
    kinds = {(line["event"]["application"], line["event"]["kind"]) for line in said}
    assert {("activity", "began"), ("activity", "ended"), ("runtime", "health")} <= kinds
    assert parity == "posemill parity"
    heads, *rows = (line.split() for line in run(workspace, parity).splitlines())
    assert heads == ["runtime", "clips", "windows", "difference", "differing"]
    assert [row[0] for row in rows] == list(RUNTIMES)
    assert {row[4] for row in rows} == {"none"}
    assert all(int(row[2]) > int(row[1]) >= 3 for row in rows)


def test_in_the_browser(workspace: Path) -> None:
    serve, export, host = commands("In the browser")
    assert (serve, export.split()[:3], host.split()[-1]) == ("make serve", ["posemill", "export", "browser"], "8000")
    port = free_port()
    with running(workspace, serve, port):
        until(lambda: _page(f"http://127.0.0.1:{port}/live-page/"), 120)
    run(workspace, export)
    with running(workspace, host.replace("8000", str(port := free_port())), port):
        until(lambda: _page(f"http://127.0.0.1:{port}/"), 30)


def _page(url: str) -> bool:
    """True once the live page and its program are there."""
    try:
        opened = (urllib.request.urlopen(f"{url}{name}", timeout=30) for name in ("", "page.js"))
        with next(opened) as page, next(opened) as code:
            return b"<title>" in page.read() and len(code.read()) > 1000
    except OSError:
        return False
