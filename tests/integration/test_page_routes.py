"""The files of the page and the gallery over HTTP: what is served, with which rules, and what never is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from posemill.serving.app import create_app
from posemill.serving.routers import gallery, page
from posemill.serving.routers.page import PAGE
from stand_in_service import serving

HOSTILE = "<img src=x onerror=alert(1)>.mp4"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[httpx.Client]:
    folder = tmp_path / "gallery"
    folder.mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"classified")
    for name in ("b wave.mp4", "a.JPG", HOSTILE, "notes.txt", ".hidden.mp4"):
        (folder / name).write_bytes(b"0123456789")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    monkeypatch.setenv(gallery.ENV, str(folder))
    app = create_app("test", [page.router, gallery.router])
    with serving(app) as address, httpx.Client(base_url=address, trust_env=False) as client:
        yield client


def test_people_are_led_from_the_root_and_programs_are_not(client: httpx.Client) -> None:
    moved = client.get("/", headers={"Accept": "text/html,*/*"})
    assert (moved.status_code, moved.headers["location"]) == (307, "uat")
    for path, accept in (("/", "*/*"), ("/?api", "text/html")):  # the description of the endpoints
        described = client.get(path, headers={"Accept": accept})
        assert (described.status_code, "swagger-ui" in described.text) == (200, True)
    assert client.get("/uat/").headers["location"] == "../uat"


def test_every_file_that_the_page_names_is_there_and_nothing_is_fetched_from_elsewhere(client: httpx.Client) -> None:
    index = client.get("/uat")
    assert "default-src 'self'" in index.headers["content-security-policy"]
    assert not re.findall(r"<style|<script(?![^>]*src)| style=| on\w+=", index.text)  # the policy would forbid it
    named = set(re.findall(r'(?:src|href)="uat/([\w.]+)"', index.text))
    for script in PAGE.glob("*.js"):
        text = script.read_text()
        named |= set(re.findall(r'from "\./([\w.]+)"', text))
        assert "innerHTML" not in text
        assert "insertAdjacent" not in text
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), script.name
    assert named == {path.name for path in PAGE.iterdir()} - {"index.html"}  # and no file is left over
    for name in named:
        answer = client.get(f"/uat/{name}")
        assert (answer.status_code, answer.headers["x-content-type-options"]) == (200, "nosniff")


def test_nothing_outside_of_the_page_is_served(client: httpx.Client) -> None:
    for name in ("page_routes.py", "..%2fschema.py", "%2e%2e/schema.py", "%2fetc%2fpasswd"):
        assert client.get(f"/uat/{name}").status_code == 404


def test_skeletons_come_with_sides(client: httpx.Client) -> None:
    coco = client.get("/uat/skeletons.json").json()["coco-17"]
    assert coco["keypoints"][coco["left"][0]].startswith("left_")
    assert [len(edge) for edge in coco["edges"]] == [2] * len(coco["edges"])
    assert max(max(edge) for edge in coco["edges"]) < len(coco["keypoints"])


def test_the_gallery_shows_plain_media_only(client: httpx.Client) -> None:
    entries = client.get("/gallery").json()
    assert [(e["name"], e["kind"]) for e in entries] == [
        (HOSTILE.removesuffix(".mp4"), "video"),
        ("a", "image"),
        ("b wave", "video"),
    ]
    for entry in entries:
        assert client.get("/" + entry["url"]).content == b"0123456789"
    assert client.get("/" + entries[2]["url"], headers={"Range": "bytes=2-4"}).content == b"234"
    for name in ("link.mp4", "notes.txt", ".hidden.mp4", "..%2fsecret.mp4", "none.mp4"):
        answer = client.get(f"/gallery/{name}")
        assert (answer.status_code, b"classified" in answer.content) == (404, False), name


@pytest.mark.parametrize("said", ["", "/nowhere/at/all"])
def test_without_a_folder_the_gallery_is_empty(
    said: str, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(gallery.ENV, said)
    assert client.get("/gallery").json() == []
