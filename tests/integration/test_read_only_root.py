"""The service's image recipe with nothing writable but /tmp and its state, as the chart runs it.

Slow: a read-only root file system is the chart's promise, and libraries write where nobody expects it. Needs root: a
mount namespace stands in for the container.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from event_receivers import free_port
from object_stores import process, wait_for_http
from posemill.packaging import bento
from posemill.packaging.container import write
from posemill.prediction.packaged import PACKAGED

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = ("PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def may_mount() -> bool:
    command = ["unshare", "-m", "sh", "-c", "mount -o remount,bind,ro /"]
    return bool(shutil.which("unshare")) and subprocess.run(command, capture_output=True).returncode == 0


def test_the_service_starts_and_answers(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("a mount namespace needs root")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        tags = bento.build(PACKAGED, REPOSITORY, tmp_path / "home")
    store = tmp_path / "home" / "bentoml"
    folder = tmp_path / "image"
    write("activity", store / "bentos" / tags["activity"].replace(":", "/"), store / "models", REPOSITORY, folder)
    scratch, port = tmp_path / "tmp", free_port()
    scratch.mkdir()
    # a folder of the test in place of /tmp: its own file system stays writable, all else does not
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"PATH": os.environ["PATH"], "HOME": str(scratch), "TMPDIR": str(scratch), "POSEMILL_REQUIRE_KEYS": "0"}
    env |= {"POSEMILL_HOME": str(scratch / "state"), "BENTOML_HOME": str(scratch / "bentoml"), "DO_NOT_TRACK": "1"}
    env["NUMBA_CACHE_DIR"] = str(scratch / "numba")
    serve = [sys.executable, "-m", "bentoml", "serve", "--host", "127.0.0.1", "--port", str(port), str(folder)]
    steps = [
        f"mount --bind {tmp_path} {tmp_path}",
        f"mount -o remount,bind,ro {tmp_path}",
        f"mount -t tmpfs tmpfs {scratch}",
        "mount -o remount,bind,ro /",
        f"! touch {folder}/x",
        f"exec {shlex.join(serve)}",
    ]
    log = tmp_path / "service.log"
    with process(["unshare", "-m", "sh", "-c", " && ".join(steps)], log, env):
        url = f"http://127.0.0.1:{port}"
        wait_for_http(url, log, 240)
        for _ in range(240):
            if httpx.get(f"{url}/readyz", timeout=120).status_code == 200:
                break
            time.sleep(1)
        answer = httpx.get(f"{url}/version", timeout=60).json()
        assert answer["bento"] == tags["activity"]
    assert "Read-only file system" in log.read_text()  # of `touch`, and of nothing else
    assert log.read_text().count("Read-only file system") == 1
