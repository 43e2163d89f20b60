"""Clips with their truth: sides, determinism, the edge of the picture, furniture, files."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.store.media import digest_of
from posemill.synth import corpus
from posemill.synth.activities import ACTIVITIES, USUAL, named
from posemill.synth.camera import RATES
from posemill.synth.corpus import Plan, SynthClip, generate, plan, stage, write
from posemill.synth.pool import render_all
from posemill.synth.room import Backdrop

LEFT, RIGHT = COCO_17.index("left_shoulder"), COCO_17.index("right_shoulder")


def clips(count: int, activity: str = "idle") -> list[SynthClip]:
    return [stage(Plan(1, subject, activity, 0)) for subject in range(1, count + 1)]


def test_the_left_of_a_person_who_faces_the_camera_is_at_the_viewers_right() -> None:
    seen = set()
    for clip in clips(16):
        left, right = (np.nanmean(clip.truth.xy[:, k, 0]) for k in (LEFT, RIGHT))
        if clip.camera.startswith("frontal"):
            assert left > right
        if clip.camera.startswith("behind"):
            assert left < right
        seen.add(clip.camera[:4])
    assert "fron" in seen


def test_the_same_seed_gives_the_same_pictures_truth_and_bytes(tmp_path: Path) -> None:
    one, two = (stage(Plan(3, 2, "wave", 0)) for _ in range(2))
    assert next(one.images()).tobytes() == next(two.images()).tobytes() == next(one.images()).tobytes()
    np.testing.assert_array_equal(one.truth.xy, two.truth.xy)
    assert digest_of(write(one, tmp_path / "a")) == digest_of(write(two, tmp_path / "b"))
    other = stage(Plan(4, 2, "wave", 0))
    assert (other.width_px, other.fps, other.camera) != (one.width_px, one.fps, one.camera)


@pytest.mark.slow
def test_bytes_do_not_depend_on_what_was_in_memory(tmp_path: Path) -> None:
    """Slow (a process each): whoever reads memory that nobody wrote reads something else in each of these."""
    code = (
        "import sys; from pathlib import Path; from posemill.synth.corpus import Plan; "
        "from posemill.synth.pool import render; render(Plan(11, 10, 'sit', 0), Path(sys.argv[1]))"
    )
    for filling in ("0", "1", "200"):
        command = [sys.executable, "-c", code, str(tmp_path / filling)]
        subprocess.run(command, env={**os.environ, "MALLOC_PERTURB_": filling}, check=True)
    assert len({digest_of(path) for path in tmp_path.rglob("*.mp4")}) == 1


def test_a_subject_keeps_the_body_and_changes_the_view() -> None:
    bodies = {repr(stage(Plan(1, 5, a, take))._scene.body) for a in ("idle", "squat") for take in (0, 1)}
    assert len(bodies) == 1
    assert len({stage(Plan(1, 5, "idle", take)).camera for take in range(4)}) == 4


@pytest.mark.parametrize("activity", ACTIVITIES)
def test_truth_is_inside_the_picture_or_absent(activity: str) -> None:
    for clip in clips(3, activity):
        xy, present = clip.truth.xy, ~np.isnan(clip.truth.xy).any(-1)
        assert (xy[present] >= 0).all()
        assert (xy[present] <= [clip.width_px - 1, clip.height_px - 1]).all()
        assert set(np.unique(clip.truth.confidence[present])) <= {np.float32(0.5), np.float32(1)}
        assert present.mean() > 0.8


def test_times_follow_the_frame_rate() -> None:
    for clip in clips(6, "squat"):
        assert clip.fps in RATES
        np.testing.assert_allclose(np.diff(clip.truth.time_s), 1 / clip.fps)
        assert 2.0 < clip.tracks("0" * 64).duration_s < 3.1


def test_keypoints_are_where_the_person_is_drawn() -> None:
    """The wrists have the colour of skin: the picture and the truth speak of the same place."""
    for clip in clips(3, "jumping_jack"):
        scene = clip._scene
        empty = np.clip(scene.backdrop.image, 0, 255)
        image = next(clip.images())
        change = np.abs(image.astype(float) - empty).max(-1)
        seen = clip.truth.confidence[0] == 1
        x, y = clip.truth.xy[0][seen].round().astype(int).T
        background = np.median(change[: clip.height_px // 4, : clip.width_px // 4])
        assert np.mean(change[y, x] > background + 10) > 0.7


def test_furniture_and_the_edge_of_the_picture_hide_keypoints() -> None:
    clip = clips(1)[0]
    scene = clip._scene
    wall = Backdrop(scene.backdrop.image, np.full_like(scene.backdrop.furniture, 0.5), scene.backdrop.floor)
    hidden = corpus.ground_truth_track(scene.rig, scene.camera, wall, clip.truth.time_s)
    present = ~np.isnan(hidden.xy).any(-1)
    assert (hidden.confidence[present] == corpus.HIDDEN).all()
    narrow = replace(scene.camera, focal_px=scene.camera.focal_px * 20)
    zoomed = corpus.ground_truth_track(scene.rig, narrow, scene.backdrop, clip.truth.time_s)
    assert np.isnan(zoomed.xy[:, COCO_17.index("left_ankle")]).all()
    assert (zoomed.confidence[:, COCO_17.index("left_ankle")] == 0).all()


def test_the_plan_has_every_subject_in_every_activity_once() -> None:
    plans = plan(7, 4, ("idle", "fall"), 3)
    assert len(plans) == len({p.name for p in plans}) == 4 * 2 * 3
    assert len(plan(7)) == 12 * len(USUAL)
    assert len(USUAL) >= 10


def test_activities_are_named_one_by_one_or_many_at_once() -> None:
    assert named("squat, sports,squat")[:2] == ["squat", "sit_up"]
    assert named("all") == list(ACTIVITIES)
    known = "usual, sports, falls, everyday, yoga, gym, gestures, work, all and idle"
    with pytest.raises(InputError, match=f"unknown activity .skwat.; known are {known}"):
        named("skwat")


@pytest.mark.parametrize(
    "wrong", [{"subjects": 0}, {"activities": ("yoga",)}, {"clips_per_activity": 0}, {"activities": ()}]
)
def test_an_impossible_corpus_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match="a corpus needs"):
        plan(1, **wrong)  # type: ignore[arg-type]


def test_the_standard_corpus_is_large_enough_and_not_too_large() -> None:
    assert (
        9_000 < 4 * sum(len(clip.truth) for clip in generate(7, subjects=3, clips_per_activity=2)) < 14_000
    )  # of 12 subjects


def test_the_pool_renders_what_one_process_renders(tmp_path: Path) -> None:
    plans = [replace(p, seed=2) for p in plan(2, 1, ("idle", "sit"))]
    alone = [(r.plan, digest_of(r.path)) for r in render_all(plans, tmp_path / "one", processes=1)]
    pooled = [(r.plan, digest_of(r.path)) for r in render_all(plans, tmp_path / "two", processes=2)]
    assert alone == pooled  # in the same order too
