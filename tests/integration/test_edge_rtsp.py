"""A network camera by RTSP, which dies, hangs and comes back: GStreamer's server, run by the system's Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_exports import events_of, small_export
from event_receivers import free_port
from posemill.synth.corpus import Plan, stage
from posemill.video.draw import write_jpeg
from waiting import until

SYSTEM, SERVER = "/usr/bin/python3", Path(__file__).parents[1] / "rtsp_server.py"
HAS_SERVER = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
BACK_S = 10.0
Event = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def rtsp_server_there() -> None:
    there = sys.platform == "linux" and Path(SYSTEM).exists()
    if not there or subprocess.run([SYSTEM, "-c", HAS_SERVER], capture_output=True).returncode:
        assert not os.environ.get("RTSP_REQUIRED"), "no RTSP server"
        pytest.skip("no RTSP server is installed, which stands for a network camera: `sh tools/test_tools.sh rtsp`")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, image in enumerate(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)).images()):
        write_jpeg(folder / f"{number:04d}.jpg", image)
    return folder


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_export(tmp_path_factory.mktemp("edge"))


class Camera:
    """The server; `begin` again after `die`."""

    def __init__(self, pictures: Path) -> None:
        self.port, self._pictures = free_port(), pictures
        self.url = f"rtsp://127.0.0.1:{self.port}/live"

    def begin(self) -> None:
        command = [SYSTEM, str(SERVER), str(self.port), str(self._pictures), "12"]
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def die(self) -> None:
        self._process.kill()
        self._process.communicate()

    def hang(self, hangs: bool) -> None:
        """Stop answering, with connections and port open; or go on."""
        self._process.send_signal(signal.SIGSTOP if hangs else signal.SIGCONT)


@pytest.fixture
def camera(pictures: Path) -> Iterator[Camera]:
    made = Camera(pictures)
    made.begin()
    yield made
    made.die()


def test_a_camera_that_dies_or_hangs_is_lost_and_its_events_go_on(export: Path, camera: Camera, tmp_path: Path) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(
        f'state = "{tmp_path}/state"\nthreads = 1\n[http]\nport = 0\n[camera]\ntimeout_s = 3.0\nfrozen_s = 60.0\n'
        f'[[source]]\nname = "door"\nurl = "{camera.url}"\n'
        '[[source.zone]]\nname = "all"\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n'
    )
    with events_of(export, str(config)) as came:

        def count(kind: str) -> int:
            return [event["kind"] for event in came].count(kind)

        until(lambda: count("entered") == 1, 60)
        camera.die()
        until(lambda: count("lost") == 1, 60)
        camera.begin()
        back = [_time_until_recovered(came, 1)]
        until(lambda: count("entered") == 2, 60)
        camera.hang(True)
        until(lambda: count("lost") == 2, 60)
        camera.hang(False)
        back.append(_time_until_recovered(came, 2))
        until(lambda: count("entered") == 3, 60)
    assert max(back) < BACK_S
    kinds = [event["kind"] for event in came if event["application"] in ("camera", "zone")]
    assert kinds == ["entered", *["left", "lost", "recovered", "entered"] * 2, "left"]


def _time_until_recovered(came: list[Event], times: int) -> float:
    begin = time.monotonic()
    until(lambda: [event["kind"] for event in came].count("recovered") == times, 60)
    return time.monotonic() - begin
