"""The examples run as their first lines say, on small data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from packaged import CLASSES, walking_track, write_package
from posemill import MediumTracks, write_tracks
from posemill.packaging import bento
from posemill.pose.skeleton import COCO_17
from posemill.serving.server import serving
from posemill.synth.corpus import Plan, stage, write
from posemill.video.probe import probe

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLES = REPOSITORY / "examples"


def run(name: str, *arguments: object, folder: Path) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_has_a_test_and_names_no_place_of_one_machine() -> None:
    tested = Path(__file__).read_text()
    for path in EXAMPLES.glob("*.py"):
        assert f'run("{path.name}"' in tested
        assert not {"/home/", "/root/", "/work/"} & set(path.read_text().split())
        assert f"python examples/{path.name} " in path.read_text()


def test_label_a_video_and_plot_a_keypoint(tmp_path: Path) -> None:
    video = write(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)), tmp_path)
    said = run("label_video.py", video, "--keypoint", "left_wrist", "--out", "out", folder=tmp_path)
    assert "person" in said
    overlay, plot = (tmp_path / "out" / f"{video.stem}{end}" for end in (".overlay.mp4", ".left_wrist.png"))
    assert probe(overlay).frames == probe(video).frames
    assert plot.read_bytes()[:4] == b"\x89PNG"


def test_train_on_a_folder_of_keypoint_files(tmp_path: Path) -> None:
    for activity in ("squat", "wave"):
        for subject in range(4):
            clip = stage(Plan(seed=3, subject=subject, activity=activity, take=0))
            name = f"{activity}-{subject}"
            format, path = ("coco", f"{name}.json") if subject % 2 else ("csv", name)
            write_tracks(clip.tracks(name), tmp_path / "keypoints" / activity / path, format)
    said = run("train_on_keypoints.py", "keypoints", "--network", "linear", "--out", "model", folder=tmp_path)
    assert "validation accuracy" in said
    assert "squat-0 is squat: the model says" in said
    assert (tmp_path / "model" / "activity.onnx").is_file()


def test_watch_a_fall(tmp_path: Path) -> None:
    said = run("fall_alarm.py", "--picture", "fall.png", folder=tmp_path)
    assert "alarm    fall" in said
    assert "got_up" in said
    assert "no medical device" in said
    assert (tmp_path / "fall.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_call_a_running_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real small service, which takes seconds to be ready: the example is a client of no stand-in."""
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    write_package(tmp_path / "package")
    tags = bento.build(tmp_path / "package", REPOSITORY, tmp_path / "home")
    track = walking_track(COCO_17)
    tracks = MediumTracks("m", "imported", COCO_17, 640, 480, 75, 3.0, (track,))
    write_tracks(tracks, tmp_path / "keypoints.json", "coco")
    with serving(tags["activity"], bento.environment(tmp_path / "home")) as client:
        said = run("call_service.py", client.url, "keypoints.json", folder=tmp_path)
    assert said.startswith("person 0: ")
    assert any(name in said for name in CLASSES)
    assert " to " in said


def test_an_application_of_ones_own(tmp_path: Path) -> None:
    video = write(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)), tmp_path)
    said = run("raised_hand.py", video, folder=tmp_path)
    assert said.count("person 0 raises a hand") >= 2  # once a jump
    assert "{'raised': " in said
