"""The yoga identifier on people of exact poses: the way into an asana, its hold, and the way out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from posemill.applications.protocol import Event, Output, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.registry import find_application
from posemill.applications.yoga import YogaIdentifier
from posemill.errors import InputError
from posemill.pose.skeleton import BLAZEPOSE_33, BODY_12, COCO_17, Skeleton
from posemill.synth.asanas import asana_script
from posemill.synth.body import Body, rig
from posemill.synth.camera import View, around
from posemill.synth.motion import Motion

FPS, HOLD_S, WAY_S = 12.5, 4.0, 1.6
FACTS = StreamFacts(COCO_17, 640, 480)


def filmed(asana: str, seed: int = 0, mirrored: bool = False, azimuth_deg: float = 25.0) -> NDArray[np.float64]:
    """(T, 17, 2) pixels of the way into an asana and its hold."""
    rng = np.random.default_rng(seed)
    script = asana_script(asana, rng, HOLD_S, WAY_S)
    motion = Motion(np.arange(round((WAY_S + HOLD_S) * FPS)) / FPS)
    script.fill(motion, mirrored=mirrored)
    points = rig(Body.random(rng), motion).keypoints()
    camera = around(points.reshape(-1, 3), View(azimuth_deg, 1.2, 50, 0.8, 0), (640, 480))
    return camera.project(points)[0]


def frames(xy: NDArray[np.float64], person: int = 0) -> Iterator[TrackedFrame]:
    for t, pose in enumerate(xy.astype(np.float32)):
        seen = np.isfinite(pose[:, 0]).astype(np.float32)
        yield TrackedFrame(t, t / FPS, {person: TrackedPose(pose, seen)})


def run(app: YogaIdentifier, xy: NDArray[np.float64], facts: StreamFacts = FACTS) -> list[Event]:
    app.start(facts)
    outputs: list[Output] = [output for frame in frames(xy) for output in app.update(frame)]
    return [output for output in (*outputs, *app.finish()) if isinstance(output, Event)]


@pytest.mark.parametrize(
    ("asana", "pose"),
    [
        ("tree", "tree"),
        ("warrior_2", "warrior_2"),
        ("chair_pose", "chair"),
        ("downward_dog", "downward_dog"),
        ("cobra", "cobra"),
        ("bridge", "bridge"),
    ],
)
def test_a_held_asana_is_named_and_timed(asana: str, pose: str) -> None:
    events = run(YogaIdentifier(), filmed(asana, seed=3, azimuth_deg=20 if asana != "bridge" else 75))
    held = [e for e in events if e.kind == "pose_held"]
    assert [e.details["pose"] for e in held] == [pose]
    assert abs(float(held[0].details["hold_s"] or 0) - HOLD_S) < 1.0
    entered = [e for e in events if e.kind == "pose_entered"]
    assert len(entered) == 1
    assert entered[0].time_s - entered[0].start_s >= 2.0


def test_sides_follow_the_body_and_a_mirroring_camera_exchanges_them() -> None:
    def side(app: YogaIdentifier, mirrored: bool) -> object:
        return next(e for e in run(app, filmed("tree", mirrored=mirrored)) if e.kind == "pose_held").details["side"]

    assert side(YogaIdentifier(), False) == "right"  # the right knee is bent
    assert side(YogaIdentifier(), True) == "left"
    assert side(YogaIdentifier(mirrored=True), True) == "right"


def test_a_picture_is_one_frame_and_has_no_time() -> None:
    app = YogaIdentifier()
    (event,) = run(app, filmed("warrior_2")[-1:])
    assert (event.kind, event.details["pose"], event.details["hold_s"]) == ("pose_seen", "warrior_2", 0.0)


def test_movement_and_unknown_poses_give_nothing() -> None:
    rng = np.random.default_rng(5)
    scattered = 200 + 60 * rng.normal(size=(17, 2))
    assert run(YogaIdentifier(), np.repeat(scattered[None], 60, 0)) == []
    swinging = filmed("tree") + 90 * np.sin(np.arange(70) * 0.9)[:, None, None] * rng.normal(size=(1, 17, 2))
    assert [e for e in run(YogaIdentifier(), swinging) if e.kind == "pose_held"] == []


def test_memory_is_bounded_and_people_who_left_are_forgotten() -> None:
    app = YogaIdentifier()
    app.start(FACTS)
    pose = filmed("mountain")[-1:]
    for t in range(600):
        (frame,) = frames(pose, person=t // 20)
        app.update(TrackedFrame(t, t / FPS, frame.people))
    assert len(app._people) <= 5
    assert all(len(p.window.poses) <= 8 for p in app._people.values())


def test_a_second_stream_starts_afresh() -> None:
    app = YogaIdentifier()
    first = run(app, filmed("tree"))
    assert run(app, filmed("tree")) == first


def test_summary_and_annotations_say_what_is_held() -> None:
    app = YogaIdentifier()
    app.start(FACTS)
    for frame in frames(filmed("tree")):
        app.update(frame)
    assert app.summary()["longest_pose"] == "tree"
    assert app.summary()["holds"] == 1
    (annotation,) = app.annotations()
    assert annotation.text.startswith("tree (right)")


def test_a_skeleton_without_the_keypoints_is_refused() -> None:
    wanted: Skeleton = BODY_12
    with pytest.raises(InputError, match="body-12 cannot become coco-17"):
        YogaIdentifier().start(StreamFacts(wanted, 640, 480))
    YogaIdentifier().start(StreamFacts(BLAZEPOSE_33, 640, 480))


def test_it_is_registered_and_its_parameters_are_checked() -> None:
    assert find_application("yoga") is YogaIdentifier
    with pytest.raises(InputError, match="keep_probability"):
        YogaIdentifier(keep_probability=0.9)
