"""`posemill try` and a running service that wants a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from click.testing import CliRunner

from posemill.cli.serve import gallery, tags_to_serve
from posemill.cli.try_ import try_
from posemill.packaging import bento
from posemill.prediction.packaged import PACKAGED
from posemill.serving.schemas.activity import Receipt
from posemill.settings import Settings
from posemill.uat.served import client_of
from posemill.uat.settings import AcceptanceSettings

KEY = "pm_of_acme"
RECEIPT = Receipt.of("posemill-activity:1", dict.fromkeys(("model", "features", "classes"), "0" * 64))
ANSWER = {
    "classes": ["rest", "wave"],
    "activities": ["wave"],
    "probabilities": [[0.25, 0.75]],
    "abstained": [False],
    "receipt": RECEIPT.model_dump(),
}


class Guarded(BaseHTTPRequestHandler):
    """Answers whoever has the key."""

    def do_GET(self) -> None:
        self.say(200, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] == f"Bearer {KEY}":
            self.say(200, ANSWER)
        else:
            self.say(401, {"error": "this service wants an API key"})

    def say(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def guarded() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_key_of_the_environment_is_sent(guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "windows.npy", np.zeros((1, 12, 12, 3), np.float32))
    line = [str(tmp_path / "windows.npy"), "--url", guarded]
    without = CliRunner().invoke(try_, line)
    assert without.exit_code == 1
    assert "wants an API key (here: POSEMILL_KEY" in without.output
    monkeypatch.setenv("POSEMILL_KEY", KEY)
    told = CliRunner().invoke(try_, line)
    assert (told.exit_code, "0.75" in told.output) == (0, True), told.output


def test_scenarios_are_asked_with_the_key_which_no_message_shows(guarded: str) -> None:
    settings = Settings.from_env({"POSEMILL_KEY": KEY})
    assert KEY not in repr(settings)
    with client_of(AcceptanceSettings(settings, service_url=guarded)) as client:
        assert client.post("/predict_windows", {}) == ANSWER


def test_the_gallery_of_the_workspace_is_offered_unless_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSEMILL_GALLERY", raising=False)
    settings = Settings(workspace=tmp_path, home=tmp_path / ".posemill")
    assert gallery(settings) == {}
    (tmp_path / "gallery").mkdir()
    assert gallery(settings) == {"POSEMILL_GALLERY": str(tmp_path / "gallery")}
    monkeypatch.setenv("POSEMILL_GALLERY", "/elsewhere")
    assert gallery(settings) == {}


def test_before_anything_is_packaged_the_model_that_comes_with_posemill_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[Path] = []

    def build(package: Path, workspace: Path, home: Path) -> dict[str, str]:
        built.append(package)
        return {"analysis": "posemill-analysis:1"}

    monkeypatch.setattr(bento, "build", build)
    monkeypatch.setattr(bento, "stored", lambda tags, home: True)
    settings = Settings(workspace=tmp_path, home=tmp_path / ".posemill")
    assert tags_to_serve(settings, packaged=False) == {"analysis": "posemill-analysis:1"}
    package = tmp_path / "build" / "package"
    package.mkdir(parents=True)
    (package / "bento.json").write_text('{"analysis": "posemill-analysis:mine"}')
    assert tags_to_serve(settings, packaged=False) == {"analysis": "posemill-analysis:mine"}
    assert tags_to_serve(settings, packaged=True) == {"analysis": "posemill-analysis:1"}
    assert built == [PACKAGED, PACKAGED]


def test_options_of_this_machine_do_not_go_with_a_service(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    finished = CliRunner().invoke(
        try_, [str(tmp_path / "clip.mp4"), "--url", "http://127.0.0.1:9", "--backend", "posenet"]
    )
    assert "leave --url out" in str(finished.exception)
