"""Which video shows what, and what is counted: from folders and answers that are known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from made_up_tracks import made_up
from posemill.errors import CheckpointError, InputError
from posemill.evaluation.robustness.frame_rates import at_rate
from posemill.features.pipeline import FeaturePipeline
from posemill.operations import external_videos
from posemill.operations.external_clips import ExternalClip, activity_of, clips_of, same_activity
from posemill.operations.external_results import ExternalVerdict
from posemill.params import Params
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.pose.window import WindowSpec
from posemill.stages.workspace import Workspace

CLASSES = ("push_up", "squat")


def folder(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def shown(clips: list[ExternalClip]) -> dict[str, str | None]:
    return {clip.name: clip.activity for clip in clips}


@pytest.mark.parametrize(
    ("name", "activity"),
    [
        ("squat_3.mp4", "squat"),
        ("jump rope (2).mov", "jump rope"),
        ("squat.mp4", "squat"),
        ("push_up-12.mp4", "push_up"),
        ("007.mp4", "007"),
        ("sit/one/a_1.mp4", "sit"),
    ],
)
def test_a_file_says_what_it_shows(name: str, activity: str) -> None:
    assert activity_of(name) == activity


def test_names_may_be_written_differently() -> None:
    assert [same_activity(n, CLASSES) for n in ("Push-ups", "pushup", "squat", "jump_rope")] == [
        "push_up",
        "push_up",
        "squat",
        None,
    ]


def test_a_table_says_more_than_names(tmp_path: Path) -> None:
    place = folder(tmp_path, "a.mp4", "sub/b.mp4", "c_1.mp4")
    assert shown(clips_of(place)) == {"a.mp4": "a", "c_1.mp4": "c", "sub/b.mp4": "sub"}
    (place / "labels.csv").write_text("file,label,start_s,end_s\na.mp4,squat,1,2.5\nsub/b.mp4,sit,,\na.mp4,walk,3,\n")
    clips = clips_of(place)
    assert [(c.name, c.activity) for c in clips] == [
        ("a.mp4", "squat"),
        ("sub/b.mp4", "sit"),
        ("a.mp4", "walk"),
        ("c_1.mp4", None),
    ]
    assert [(c.start_s, c.end_s) for c in clips[:1]] == [(1.0, 2.5)]
    assert math.isnan(clips[1].end_s)
    other = place / "other.json"
    other.write_text(json.dumps({"c_1.mp4": "run"}))
    assert shown(clips_of(place, other))["c_1.mp4"] == "run"


def test_a_table_may_give_absolute_paths_also_through_links(tmp_path: Path) -> None:
    place = folder(tmp_path / "videos", "a.mp4", "sub/b.mp4")
    (tmp_path / "link").symlink_to(place)
    table = tmp_path / "labels.csv"
    table.write_text(f"path,activity\n{place.resolve()}/a.mp4,squat\n{tmp_path}/link/sub/../sub/b.mp4,walk\n")
    for given in (place, tmp_path / "link"):
        assert shown(clips_of(given, table)) == {"a.mp4": "squat", "sub/b.mp4": "walk"}
    table.write_text(f"path,activity\n{tmp_path}/other/a.mp4,squat\n")
    with pytest.raises(InputError, match=r"other/a\.mp4, which is not among the videos"):
        clips_of(place, table)


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("path,activity\nnone.mp4,squat\n", "names none.mp4, which is not among the videos"),
        ("what,activity\na.mp4,squat\n", "does not name a video in every row"),
        ("path,activity,start_s,end_s\na.mp4,squat,3,2\n", "not after its start"),
        ("path,activity,start_s\na.mp4,squat,soon\n", "should be seconds"),
        ("", "does not name a video"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, table: str, wrong: str) -> None:
    (folder(tmp_path, "a.mp4") / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=wrong):
        clips_of(tmp_path)


def test_a_folder_without_videos_or_with_two_tables_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        clips_of(tmp_path / "none")
    with pytest.raises(InputError, match="holds no video"):
        clips_of(tmp_path)
    with pytest.raises(InputError, match="say which one by --labels"):
        clips_of(folder(tmp_path, "a.mp4", "one.csv", "two.json"))


def test_mirrored_twice_is_as_before() -> None:
    tracks = made_up(1, frames=40)
    once, twice = external_videos.mirror(tracks), external_videos.mirror(external_videos.mirror(tracks))
    left, right = COCO_17.index("left_wrist"), COCO_17.index("right_wrist")
    np.testing.assert_allclose(once.tracks[0].xy[:, left, 0], tracks.width_px - 1 - tracks.tracks[0].xy[:, right, 0])
    np.testing.assert_array_equal(once.tracks[0].xy[:, left, 1], tracks.tracks[0].xy[:, right, 1])
    np.testing.assert_allclose(twice.tracks[0].xy, tracks.tracks[0].xy, atol=1e-3)
    np.testing.assert_array_equal(twice.tracks[0].confidence, tracks.tracks[0].confidence)


def judge(below: float = 0.0) -> external_videos.EvaluatedNetwork:
    """It always says squat, with 0.75."""

    def ask(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.array([[0.25, 0.75]], np.float32), (len(windows), 1))

    features = FeaturePipeline(BODY_12, WindowSpec(duration_s=0.5, stride_s=0.5, rate_hz=12))
    return external_videos.EvaluatedNetwork(ask, features, CLASSES, "told", "a" * 64, None, below)


def test_only_what_the_model_can_know_is_counted() -> None:
    tracks, asked = made_up(1, frames=40), judge()

    def outcome(activity: str | None, found: object = tracks) -> ExternalVerdict:
        clip = ExternalClip(Path("v.mp4"), "v.mp4", activity)
        return external_videos.verdict(
            asked, clip, "b" * 64, found, {"10 frames/s": at_rate(10), "mirrored": external_videos.mirror}
        )  # type: ignore[arg-type]

    right = outcome("Squats")
    assert (right.outcome, right.truth, right.predicted, right.probability) == ("right", "squat", "squat", 0.75)
    assert right.windows > 0
    assert right.people == len(tracks.tracks)
    assert right.changed == {"10 frames/s": "squat", "mirrored": "squat"}
    assert outcome("push_up").outcome == "wrong"
    assert outcome("jump_rope").outcome == "unknown activity"
    assert outcome(None).outcome == "no label"
    broken = outcome("squat", "it cannot be read")
    assert (broken.outcome, broken.note, broken.predicted) == ("unreadable", "it cannot be read", None)


@pytest.mark.parametrize(("below", "abstained"), [(0.0, False), (0.7, False), (0.8, True)])
def test_a_verdict_under_the_threshold_is_marked(below: float, abstained: bool) -> None:
    clip = ExternalClip(Path("v.mp4"), "v.mp4", "squat")
    found = external_videos.verdict(judge(below), clip, "b" * 64, made_up(1, frames=40), {})
    assert (found.outcome, found.abstained) == ("right", abstained)


def test_none_of_these_is_an_abstention_and_no_activity() -> None:
    """The activity that would have been named is judged."""
    plain = judge()
    network = replace(
        plain,
        classes=(*CLASSES, "none of these"),
        predict_fn=lambda windows: np.tile(np.array([0.3, 0.1, 0.6], np.float32), (len(windows), 1)),
    )
    clip = ExternalClip(Path("v.mp4"), "v.mp4", "push_up")
    found = external_videos.verdict(network, clip, "b" * 64, made_up(1, frames=40), {})
    assert (found.outcome, found.predicted, found.abstained) == ("right", "push_up", True)
    assert found.probabilities["none of these"] == pytest.approx(0.6)


def test_nobody_in_the_picture_is_wrong_and_said() -> None:
    empty = replace(made_up(1, frames=40), tracks=())
    found = external_videos.verdict(
        judge(), ExternalClip(Path("v.mp4"), "v.mp4", "squat"), "b" * 64, empty, {"mirrored": external_videos.mirror}
    )
    assert (found.outcome, found.predicted, found.windows, found.note) == ("wrong", None, 0, "nobody was found")
    assert found.changed == {"mirrored": None}


def test_a_network_needs_the_features_it_was_trained_with(tmp_path: Path) -> None:
    from posemill import models

    network = models.build("tcn", BODY_12, 2, width=16, dilations=[1])
    models.save(
        tmp_path / "net", network, models.NetworkCard("tcn", {"width": 16, "dilations": [1]}, "body-12", CLASSES, 16)
    )
    windows = np.random.default_rng(0).uniform(0, 99, (4, 8, 12, 3)).astype(np.float32)
    other = FeaturePipeline(BODY_12, WindowSpec(duration_s=1.0, rate_hz=8)).fit(windows)
    other.save(tmp_path / "net" / "features.json")
    with pytest.raises(CheckpointError, match=r"takes 16 poses, .*makes 8"):
        external_videos.load_network(Params(), Workspace(tmp_path), tmp_path / "net")


@pytest.mark.parametrize("axes", [2, 3])
def test_networks_of_ones_own_layout_are_judged_unless_they_read_z(tmp_path: Path, axes: int) -> None:
    from posemill import models
    from posemill.pose.definition import fingerprint

    own = replace(BODY_12, name="mine", edges=BODY_12.edges[1:])
    hyper = {"width": 16, "dilations": [1], "coordinates": axes}
    card = models.NetworkCard("tcn", hyper, "mine", CLASSES, 16, fingerprint(own))
    models.save(tmp_path / "net", models.build("tcn", own, 2, **hyper), card)
    windows = np.random.default_rng(0).uniform(0, 99, (4, 16, 12, axes + 1)).astype(np.float32)
    features = FeaturePipeline(own, WindowSpec(duration_s=1.0, rate_hz=16), coordinates=axes).fit(windows)
    features.save(tmp_path / "net" / "features.json")
    if axes == 2:
        assert external_videos.load_network(Params(), Workspace(tmp_path), tmp_path / "net").features.skeleton == own
    else:
        with pytest.raises(CheckpointError, match="reads x, y and z, and videos give x and y"):
            external_videos.load_network(Params(), Workspace(tmp_path), tmp_path / "net")
