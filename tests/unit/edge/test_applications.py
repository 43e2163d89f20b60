"""Applications at a source of the edge: the answers of the library over the same tracks."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import yaml

from exercising_bodies import SIZE_PX, exercising
from packaged import CLASSES, write_package
from posemill.applications.live import track_online
from posemill.applications.protocol import Application, StreamFacts
from posemill.applications.registry import APPLICATIONS, find_application
from posemill.applications.run import run
from posemill.applications.sources import Stream as TrackedStream
from posemill.edge.applications import applications_of
from posemill.edge.config import CameraConfig, EdgeConfig, SourceConfig
from posemill.edge.model import EdgeModel, open_classifier
from posemill.edge.outputs import Outputs
from posemill.edge.source import Captured
from posemill.edge.stream import SKELETON, Stream
from posemill.errors import CheckpointError, InputError
from posemill.estimation.tracking import OnlineTracker
from posemill.estimation.types import FramePoses, Pose
from posemill.packaging.edge_applications import choose_application, model_folders, note_of, require_once, section_of
from posemill.params.tracking import TrackingParams
from stick_people import HEIGHT_PX, LIE, STAND, WIDTH_PX, at, people

Said = dict[str, Any]


def falling() -> list[FramePoses]:
    """Somebody stands, falls, and lies."""
    frames = people((at(STAND, 0), at(STAND, 2), at(LIE, 2.8, fast=True)), seconds=7)
    return [FramePoses(f.frame, f.time_s, [Pose(p.xy, p.confidence, 0.8) for p in f.people.values()]) for f in frames]


def squatting() -> list[FramePoses]:
    """Six squats."""
    sure = np.full(17, 0.9, np.float32)
    return [FramePoses(n, n / 30, [Pose(xy, sure, 0.9)]) for n, xy in enumerate(exercising("squat", 6))]


SCENES = {"fall": (falling, (WIDTH_PX, HEIGHT_PX)), "repetitions": (squatting, SIZE_PX)}


def by_the_library(application: Application[Any], frames: Sequence[FramePoses], size_px: tuple[int, int]) -> list[Said]:
    stream = TrackedStream(
        StreamFacts(SKELETON, *size_px), track_online(frames, OnlineTracker(SKELETON, TrackingParams()))
    )
    result = run(application, stream)
    return [json.loads(json.dumps(asdict(each))) for each in (*result.events, *result.measurements)]


def on_the_edge(
    model: Any, frames: Sequence[FramePoses], size_px: tuple[int, int], state: Path, lost: bool = False
) -> list[Said]:
    """What a source with these frames says, by events and then measurements; `lost`: before its end, and then back."""
    lines = io.StringIO()
    config = EdgeConfig((), state=str(state), camera=CameraConfig(frozen_s=1e3, covered_s=1e3, turned_s=1e3))
    image = np.zeros((size_px[1], size_px[0], 3), np.uint8)
    with Outputs(config, lines) as outputs:
        stream = Stream(SourceConfig("0", "door"), config, cast(EdgeModel, model), outputs)
        for n, frame in enumerate(frames):
            stream.posed(n, Captured(image, frame.time_s, 0.0), frame.poses)
        if lost:
            stream.lost("no more frames")
            stream.posed(len(frames), Captured(image, 60.0, 0.0), ())
        stream.finish()
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [each["event"] for each in said if "event" in each] + [
        each["measurement"] for each in said if "measurement" in each
    ]


def edge_model(folder: Path, *names: str, preset: str | None = None) -> Any:
    """A model without activities, with applications as they were exported to a folder."""
    choices = [choose_application(name, preset) for name in names]
    for place, source in model_folders(choices).items():
        (folder / place).parent.mkdir(parents=True)
        (folder / place).symlink_to(source)
    manifest = json.loads(json.dumps({"applications": section_of(choices)}))
    return SimpleNamespace(
        classifier=None, tracking=TrackingParams(), applications=applications_of(folder, manifest, open_classifier)
    )


@pytest.mark.parametrize("name", SCENES)
def test_the_edge_says_what_the_library_says(name: str, tmp_path: Path) -> None:
    scene, size_px = SCENES[name]
    expected = by_the_library(find_application(name)(), scene(), size_px)
    assert expected
    assert on_the_edge(edge_model(tmp_path, name), scene(), size_px, tmp_path) == expected


def test_repetitions_are_named_by_a_packaged_model_that_goes_with_the_export(tmp_path: Path) -> None:
    write_package(tmp_path / "package")
    params = tmp_path / "params.yaml"
    params.write_text(yaml.safe_dump({"model": str(tmp_path / "package"), "lookahead_s": 3.0}))
    model = edge_model(tmp_path / "edge", "repetitions", preset=str(params))
    expected = by_the_library(
        find_application("repetitions").from_values({"model": tmp_path / "package", "lookahead_s": 3.0}),
        squatting(),
        SIZE_PX,
    )
    said = on_the_edge(model, squatting(), SIZE_PX, tmp_path)
    assert {each["details"]["activity"] for each in said} <= {*CLASSES, None}
    assert [_without_probability(each) for each in said] == [_without_probability(each) for each in expected]
    assert any("value" in each for each in said)  # the count of an activity segment is a line of its own


def _without_probability(said: Said) -> Said:
    return said | {"details": {k: v for k, v in said["details"].items() if k != "probability"}}


def test_a_lost_source_ends_an_applications_stream_and_the_next_frame_begins_another(tmp_path: Path) -> None:
    frames = squatting()[:300]  # in the fifth squat, of which the newest are not certain yet
    expected = by_the_library(find_application("repetitions")(), frames, SIZE_PX)
    said = on_the_edge(edge_model(tmp_path, "repetitions"), frames, SIZE_PX, tmp_path, lost=True)
    assert len(expected) >= 3
    assert said[:-1] == expected
    assert said[-1]["kind"] == "lost"


@pytest.mark.parametrize("name", [name for name, entry in APPLICATIONS.items() if entry.not_at_the_edge])
def test_what_needs_more_than_the_edge_has_says_so(name: str) -> None:
    with pytest.raises(InputError, match=f"application {name} does not run on an edge device: .+; fall, repetitions"):
        choose_application(name)


def test_a_pose_network_that_loses_who_lies_is_told() -> None:
    fall, repetitions = choose_application("fall"), choose_application("repetitions")
    assert "export with --pose movenet" in str(note_of([repetitions, fall], "posenet"))
    assert note_of([repetitions], "posenet") is None
    assert note_of([fall], "movenet") is None


def test_parameters_are_validated_when_they_are_exported(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("alarm_after_s: soon\nzones: []\n")
    with pytest.raises(InputError, match=r"alarm_after_s: .*zones"):
        choose_application("fall", str(params))
    with pytest.raises(InputError, match="no such preset of application fall; presets: bedroom"):
        choose_application("fall", "kitchen")
    write_package(tmp_path / "package")
    params.write_text(f"model: {tmp_path}/package\n")
    with pytest.raises(InputError, match="no class of fall, falling"):
        choose_application("fall", str(params))
    with pytest.raises(InputError, match="fall is named twice"):
        require_once(["fall", "repetitions", "fall"])


def test_an_export_of_another_version_is_told(tmp_path: Path) -> None:
    for entry in ({"name": "fall"}, {"name": "dance", "params": {}, "models": {}}):
        with pytest.raises((CheckpointError, InputError), match=r"fit this runtime|no application 'dance'"):
            applications_of(tmp_path, {"applications": [entry]}, open_classifier)
