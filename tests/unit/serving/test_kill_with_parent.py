"""A command that is killed with its parent does not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posemill.serving.kill_with_parent import with_parent

ALIVE = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(120)"
STARTER = """
import subprocess, sys, time
from posemill.serving.kill_with_parent import with_parent
command = with_parent([sys.executable, "-c", sys.argv[1], sys.argv[2]])
subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(120)
"""


def pid_in(place: Path) -> int:
    for _ in range(2400):
        if place.is_file() and place.read_text():
            return int(place.read_text())
        time.sleep(0.05)
    pytest.fail("the command was not started")


def wait_until_gone(pid: int) -> None:
    for _ in range(2400):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").read_text().split(") ")[1].startswith("Z"):
            return  # ended; whoever inherited it has not asked yet
        time.sleep(0.05)
    pytest.fail(f"process {pid} is still alive")


def test_a_killed_starter_takes_the_command_with_it(tmp_path: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, ALIVE, str(tmp_path / "pid")])
    pid = pid_in(tmp_path / "pid")
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    wait_until_gone(pid)


def test_a_request_to_end_reaches_the_command(tmp_path: Path) -> None:
    command = with_parent([sys.executable, "-c", ALIVE, str(tmp_path / "pid")])
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        pid = pid_in(tmp_path / "pid")
        process.terminate()
        process.wait(120)
        wait_until_gone(pid)


def test_it_exits_as_the_command_does() -> None:
    command = with_parent([sys.executable, "-c", "raise SystemExit(7)"])
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        assert process.wait(120) == 7
