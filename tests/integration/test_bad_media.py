"""A folder with every bad file and one good clip: the good one is labelled, each bad one is told with its reason."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from fixtures import media as make
from posemill.cli.sources import add
from posemill.cli.stage import stage
from posemill.settings import Settings
from posemill.store import catalog
from posemill.synth.corpus import Plan
from posemill.synth.corpus import stage as rehearse
from posemill.video.encode import VideoWriter

FRAMES = 12
NOT_HERE = "not a video"
FORMAT = "not a video in a format that is read here"

# where posemill says so: when it is added, when it is probed, or only when all of it is decoded
ADDED, PROBED, DECODED = "add", "ingest", "label"
REASONS = {
    "a pipe.mp4": (ADDED, "is not a file but a named pipe"),
    "a folder.mp4": (ADDED, "is not a file but a folder"),
    "a circle.mp4": (ADDED, "links lead in a circle"),
    "a link to nothing.mp4": (ADDED, "is a link to nothing"),
    "empty.mp4": (PROBED, "is empty"),
    "cut.mkv": (PROBED, "is truncated: it announces"),
    "head only.mp4": (PROBED, "or its header is cut off"),
    "sound.mp4": (PROBED, "has only audio"),
    "one pixel.avi": (PROBED, "pictures of 1x1"),
    "no frame.mp4": (PROBED, "no frame that decodes"),
    "text.mp4": (PROBED, NOT_HERE),
    "noise.webm": (PROBED, NOT_HERE),
    "archive.mp4": (PROBED, NOT_HERE),
    "huge pictures.avi": (PROBED, "no frame that decodes"),
    "frames without end.mp4": (PROBED, "announces 4294967295 frames"),
    "years.mp4": (PROBED, "says that it lasts"),
    "a thousand streams.mp4": (PROBED, "streams"),
    "hungry.mp4": (PROBED, "no frame that decodes"),
    "unpacks to too much.mp4": (PROBED, "unpacks to"),
    "hls.mp4": (PROBED, NOT_HERE),
    "hls key.mp4": (PROBED, NOT_HERE),
    "concat.mp4": (PROBED, FORMAT),
    "dash.mp4": (PROBED, NOT_HERE),
    "sdp.mp4": (PROBED, FORMAT),
    "imf.mp4": (PROBED, NOT_HERE),
    "subtitles.mp4": (PROBED, FORMAT),
    "redirect.mp4": (PROBED, NOT_HERE),
    "windows media.mp4": (PROBED, NOT_HERE),
    "scrambled.mp4": (DECODED, "is corrupt"),
}


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who would notice when a file makes posemill ask for an address."""
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen()
        waiting.setblocking(False)
        yield waiting


@pytest.fixture
def folder(tmp_path: Path, listener: socket.socket) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    clip = rehearse(Plan(seed=5, subject=1, activity="jumping_jack", take=0))
    with VideoWriter(folder / "good.mp4", clip.fps, clip.width_px, clip.height_px) as writer:
        for image, _ in zip(clip.images(), range(FRAMES), strict=False):
            writer.write(image)
    (folder / "good.mp4").rename(folder / "good, though it says avi.avi")
    _no_files(folder)
    _damaged(folder)
    _exaggerating(folder)
    _disguised(folder, listener.getsockname()[1])
    return folder


def _no_files(folder: Path) -> None:
    os.mkfifo(folder / "a pipe.mp4")
    (folder / "a folder.mp4").mkdir()
    (folder / "a circle.mp4").symlink_to("a circle.mp4")
    (folder / "a link to nothing.mp4").symlink_to("gone.mp4")
    (folder / "empty.mp4").touch()


def _damaged(folder: Path) -> None:
    make.cut(make.film(folder / "cut.mkv", 60, options={"g": "5"}), 0.4)
    make.film(folder / "head only.mp4", 40)
    content = (folder / "head only.mp4").read_bytes()
    (folder / "head only.mp4").write_bytes(content[:100])
    make.sound(folder / "sound.mp4")
    make.film(folder / "one pixel.avi", 3, "mjpeg", size=(1, 1))
    make.scrambled(make.film(folder / "no frame.mp4", 10, "mpeg4"), 0.0)
    make.scrambled(make.film(folder / "scrambled.mp4", 60, "mpeg4", options={"g": "6"}), 0.5)


def _exaggerating(folder: Path) -> None:
    make.huge_jpegs(folder / "huge pictures.avi")
    make.boxes_patched(make.film(folder / "frames without end.mp4", 3), b"stts", 12, b"\xff\xff\xff\xff\0\0\0\1")
    make.boxes_patched(make.film(folder / "years.mp4", 3), b"stts", 12, b"\0\0\0\3\x7f\xff\xff\xff")
    make.many_streams(folder / "a thousand streams.mp4", 1000)
    make.many_samples(folder / "hungry.mp4", 1 << 20)
    make.still(folder / "unpacks to too much.mp4")


def _disguised(folder: Path, port: int) -> None:
    import cv2

    (folder / "text.mp4").write_text("not a video at all\n" * 50)
    (folder / "a picture, though it says mp4.mp4").write_bytes(cv2.imencode(".jpg", make.picture(0))[1].tobytes())
    (folder / "noise.webm").write_bytes(bytes(n * n % 251 for n in range(9999)))
    (folder / "archive.mp4").write_bytes(b"PK\3\4" + bytes(2000))
    for kind, content in make.redirections(f"http://127.0.0.1:{port}/secret.mp4").items():
        (folder / f"{kind}.mp4").write_bytes(content)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory):
    """A command as a person types it."""
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("POSEMILL_STORE_URL", settings.store_url)
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path_factory.getbasetemp() / "label-home"))
    (settings.workspace / "params.yaml").write_text("label:\n  long_edge_px: 257\n")

    def invoke(command, *arguments: object) -> Result:
        done = CliRunner().invoke(command, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done

    return invoke


def test_every_bad_file_is_told_and_the_good_one_is_labelled(
    folder: Path, run, engine: Engine, listener: socket.socket
) -> None:
    lines = {ADDED: run(add, folder, "--activity", "jumping_jack").stderr}
    run(stage, "snapshot")
    lines[PROBED] = run(stage, "ingest").stderr
    labelled = run(stage, "label")
    lines[DECODED] = labelled.stderr
    assert "labelled 2," in labelled.stdout  # the content decides: the picture is read as one
    assert f"frames {FRAMES + 1}," in labelled.stdout

    with engine.connect() as connection:
        rows = catalog.open_quarantine(connection)
    told = {str(row["source"]).partition("/")[2]: (str(row["stage"]), str(row["reason"])) for row in rows}
    assert told.keys() == REASONS.keys()
    for name, (where, reason) in REASONS.items():
        at, said = told[name]
        assert reason in said, name
        assert at == (DECODED if where == DECODED else PROBED), name
        assert "\n" not in said
        medium = next(str(r["medium"])[:12] for r in rows if str(r["source"]).endswith(name))
        known_as = medium if where == DECODED else name
        assert sum(reason in line and known_as in line for line in lines[where].splitlines()) == 1, name
    with pytest.raises(BlockingIOError):  # nobody asked
        listener.accept()


def test_a_file_that_can_be_read_again_leaves_quarantine(run, settings: Settings, engine: Engine) -> None:
    path = settings.workspace / "late.mp4"
    path.symlink_to(settings.workspace / "elsewhere.mp4")
    other = make.film(settings.workspace / "other.mp4", 9)
    (settings.workspace / "list").mkdir()
    (settings.workspace / "list" / "late.mp4").symlink_to(path)
    said = run(add, settings.workspace / "list", other)
    assert "unreadable 1" in said.stdout
    assert "list/late.mp4 is in quarantine" in said.stderr
    with engine.connect() as connection:
        assert len(catalog.open_quarantine(connection)) == 1
    path.unlink()
    (settings.workspace / "list" / "late.mp4").unlink()
    make.film(settings.workspace / "list" / "late.mp4", 7)
    assert "unreadable 0" in run(add, settings.workspace / "list").stdout
    with engine.connect() as connection:
        assert catalog.open_quarantine(connection) == []
        assert len(catalog.media(connection)) == 2


def test_a_name_that_is_no_text_is_told_and_kept(run, settings: Settings, engine: Engine) -> None:
    folder = settings.workspace / "names"
    folder.mkdir()
    strange = os.fsencode(folder) + b"/caf\xe9\n.mp4"
    os.rename(make.film(folder / "a.mp4", 5), strange)
    run(add, folder)
    run(stage, "snapshot")
    run(stage, "ingest")
    with engine.connect() as connection:
        (row,) = catalog.media(connection)
    assert row["source"] == "names/caf\\xe9\\n.mp4"
    assert row["frames"] == 5
