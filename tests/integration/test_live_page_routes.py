"""The files of the live page over HTTP: what is served, with which rules, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from live_models import small_package
from packaged import SPEC
from posemill import live_page
from posemill.serving.app import create_app
from posemill.serving.routers import live_page as router
from stand_in_service import serving


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    static = tmp_path / "static"
    (static / "pose").mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>")
    (static / "pose" / "movenet.bin").write_bytes(b"weights")
    (tmp_path / "secret.js").write_text("secret")
    small_package(tmp_path / "package", SPEC)
    (tmp_path / "package" / "lineage.parquet").write_text("names of people")
    monkeypatch.setattr(live_page, "STATIC", static)
    monkeypatch.setattr(router, "current_service", lambda: SimpleNamespace(folder=tmp_path / "package"))
    monkeypatch.setattr(router, "page_files", live_page.files)
    with serving(create_app("test", [router.router])) as address, httpx.Client(base_url=address, trust_env=False) as c:
        yield c


def test_the_page_comes_with_its_policy_and_the_services_model(client: httpx.Client) -> None:
    moved = client.get("/live-page")
    assert (moved.status_code, moved.headers["location"]) == (307, "live-page/")
    index = client.get("/live-page/")
    assert (index.status_code, index.headers["content-type"].partition(";")[0]) == (200, "text/html")
    policy = index.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert "http" not in policy
    assert client.get("/live-page/pose/movenet.bin").content == b"weights"
    for name in ("activity.onnx", "features.json", "classes.json", "calibration.json", "digests.json"):
        assert client.get(f"/live-page/model/{name}").status_code == 200, name


def test_nothing_else_is_served(client: httpx.Client) -> None:
    paths = ("../secret.js", "%2e%2e/secret.js", "..%2fsecret.js", "%2fetc%2fpasswd", "model/lineage.parquet")
    for path in (*paths, "model/golden.json", "model/..%2f..%2fsecret.js", "pose"):
        assert client.get(f"/live-page/{path}").status_code == 404, path


def test_a_page_that_was_not_built_says_so(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "page_files", dict)
    answer = client.get("/live-page/")
    assert (answer.status_code, "make web" in answer.text) == (404, True)


@pytest.mark.skipif(not live_page.files(), reason="the live page was not built: make web")
def test_the_built_page_names_no_other_host() -> None:
    text = (live_page.STATIC / "index.html").read_text()
    assert "http://" not in text
    assert "https://" not in text.replace("starts with https:// or", "")
    assert not any(marker in text for marker in ("<style", " onclick=", "<script>"))
    assert {path.suffix for path in live_page.files().values()} <= set(live_page.MEDIA_TYPES)
