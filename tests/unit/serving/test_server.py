from __future__ import annotations

from pathlib import Path

from posemill.serving.server import _refusal, free_port, port_is_free


def test_a_refusal_is_found_among_bentomls_words(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("starting\nposemill.errors.CheckpointError: the labeller differs\n\n[ERROR] working on it\n")
    assert _refusal(log) is None  # an error that was answered is no refusal to start
    log.write_text(log.read_text() + "[ERROR] [x:1] Application startup failed. Exiting.\n")
    assert _refusal(log) == "the labeller differs"


def test_free_ports_are_free() -> None:
    assert port_is_free(free_port())
