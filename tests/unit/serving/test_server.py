from __future__ import annotations

import os
import subprocess
import sys

import pytest

from posemill.errors import PosemillError, Unavailable
from posemill.serving.server import _refusal, free_port, port_is_free, run_in_foreground

NOWHERE = "http://127.0.0.1:9"
GIVES_UP = """import os, time
print(os.getpid())
print("posemill.errors.CheckpointError: the labeller differs", flush=True)
print("[ERROR] [x:1] Application startup failed. Exiting.", flush=True)
time.sleep(60)"""
READY = """import http.server, os, signal, sys, threading
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()"""
ATTENDS = """import os, sys
from posemill.serving.server import run_in_foreground
command = [sys.executable, "-c", *sys.argv[1:]]
url = f"http://127.0.0.1:{sys.argv[2]}"
run_in_foreground(command, os.environ, url, lambda line: print(f"{line}\\n", end="", flush=True))"""


def test_a_refusal_is_found_among_bentomls_words() -> None:
    words = "starting\nposemill.errors.CheckpointError: the labeller differs\n\n[ERROR] working on it\n"
    assert _refusal(words) is None  # an error that was answered is no refusal to start
    assert _refusal(words + "[ERROR] [x:1] Application startup failed. Exiting.\n") == "the labeller differs"


def test_free_ports_are_free() -> None:
    assert port_is_free(free_port())


def test_a_service_that_refuses_to_start_ends_the_server_with_its_sentence() -> None:
    said: list[str] = []
    with pytest.raises(PosemillError, match="does not start: the labeller differs"):
        run_in_foreground([sys.executable, "-c", GIVES_UP], os.environ, NOWHERE, said.append)
    with pytest.raises(ProcessLookupError):
        os.kill(int(said[0]), 0)


def test_a_service_that_fails_otherwise_is_not_started_again_and_again() -> None:
    code = GIVES_UP.replace("posemill.errors.CheckpointError", "ImportError")
    with pytest.raises(Unavailable, match="does not start; its own words"):
        run_in_foreground([sys.executable, "-c", code], os.environ, NOWHERE, lambda line: None)


def test_a_server_that_ends_is_told() -> None:
    with pytest.raises(Unavailable, match="ended by itself with code 3"):
        run_in_foreground([sys.executable, "-c", "raise SystemExit(3)"], os.environ, NOWHERE, lambda line: None)


def test_it_is_said_when_it_is_ready_and_a_supervisor_stops_it() -> None:
    port = free_port()
    command = [sys.executable, "-c", ATTENDS, READY, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run_in_foregrounding:
        assert run_in_foregrounding.stdout is not None
        assert any("ready after " in line for line in run_in_foregrounding.stdout)
        run_in_foregrounding.terminate()
        said = run_in_foregrounding.communicate(timeout=30)[0].splitlines()
    assert run_in_foregrounding.returncode == 0
    assert said[-1] == "stopped"
    assert port_is_free(port)
