"""COCO files: pycocotools reads and judges them, and tracks come back."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_up_tracks import assert_same, made_up
from posemill.errors import InputError
from posemill.formats.coco import document, read_annotations, read_coco, write_coco
from posemill.formats.frames import labelled_frames
from posemill.pose.skeleton import BODY_12, COCO_17, PENN_13, Skeleton
from posemill.pose.track import MediumTracks, State


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=3, unique=True),
    people=st.integers(0, 3),
    unseen=st.sampled_from([0.0, 0.4, 1.0]),
)
def test_tracks_come_back(seeds: list[int], people: int, unseen: float, tmp_path: Path) -> None:
    went = [made_up(s, people, points=[COCO_17, PENN_13][s % 2], unseen=unseen) for s in seeds]
    write_coco(tmp_path / "c.json", went)
    for a, b in zip(read_coco(tmp_path / "c.json"), went, strict=True):
        assert a.labeller == b.labeller
        assert_same(a, b)


OWN = Skeleton("lab", ("root", "tip", "tail"), (("root", "tip"), ("root", "tail")), (("tip", "tail"),), (0.1, 0.2, 0.3))


def test_a_skeleton_of_ones_own_travels_with_its_tracks(tmp_path: Path) -> None:
    went = [made_up(1, points=OWN), made_up(2, points=COCO_17)]
    write_coco(tmp_path / "c.json", went)
    for a, b in zip(read_coco(tmp_path / "c.json"), went, strict=True):
        assert_same(a, b)
    assert json.loads((tmp_path / "c.json").read_text())["media"][1]["skeleton"] == "coco-17"


def quietly(call, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*arguments)


def evaluated(truth: Path, found: list[dict] | Path) -> np.ndarray:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    reference = quietly(COCO, str(truth))
    judged = COCOeval(reference, quietly(reference.loadRes, found), "keypoints")
    for step in (judged.evaluate, judged.accumulate, judged.summarize):
        quietly(step)
    return judged.stats


def walking(noise_px: float) -> MediumTracks:
    tracks = made_up(3, people=2, frames=10, unseen=0.1, states=1)
    rng = np.random.default_rng(1)
    moved = tuple(replace(t, xy=t.xy + rng.normal(0, noise_px, t.xy.shape).astype(np.float32)) for t in tracks.tracks)
    return replace(tracks, tracks=moved)


def test_pycocotools_judges_them(tmp_path: Path) -> None:
    """Equal keypoints have AP 1, worse ones less, and the reference reads both files."""
    truth = tmp_path / "truth.json"
    write_coco(truth, [walking(0)])
    precision = []
    for noise_px in (0, 12, 40):
        results = document(labelled_frames(walking(noise_px)))["annotations"]
        (tmp_path / "found.json").write_text(json.dumps(results))
        precision.append(evaluated(truth, str(tmp_path / "found.json"))[0])
    assert precision[0] == pytest.approx(1)
    assert precision[0] > precision[1] > precision[2]


def test_flags_categories_and_boxes(tmp_path: Path) -> None:
    tracks = made_up(4, people=1, frames=1, unseen=0, states=1)
    track = tracks.tracks[0]
    track.confidence[0, :3] = [0.9, 0.1, 0]
    track.xy[0, 2] = np.nan
    (first,) = document(labelled_frames(tracks))["annotations"]
    flags = np.reshape(first["keypoints"], (17, 3))[:, 2]
    assert flags[:3].tolist() == [2, 1, 0]
    assert first["keypoints"][6:9] == [0, 0, 0]
    assert first["num_keypoints"] == 16
    left, top, width, height = first["bbox"]
    assert (left + width, top + height) == pytest.approx(tuple(np.nanmax(track.xy[0], 0)), abs=0.01)
    guessed = replace(tracks, tracks=(replace(track, state=np.full(1, State.INTERPOLATED, np.uint8)),))
    (second,) = document(labelled_frames(guessed))["annotations"]
    assert max(np.reshape(second["keypoints"], (17, 3))[:, 2]) == 1
    (category,) = document(labelled_frames(tracks))["categories"]
    assert category["keypoints"] == list(COCO_17.keypoints)
    assert min(min(edge) for edge in category["skeleton"]) == 1  # counted from 1
    two = document([*labelled_frames(tracks), *labelled_frames(made_up(5, points=BODY_12))])
    assert [c["id"] for c in two["categories"]] == [1, 2]


def test_answers_are_what_the_file_says_now(tmp_path: Path) -> None:
    tracks = made_up(6, people=2, frames=3, unseen=0, states=1)
    content = document(labelled_frames(tracks), folder="images/")
    first = content["annotations"][0]
    first["keypoints"][:3], first["keypoints"][3:6] = [5, 6, 2], [0, 0, 0]
    for annotation in content["annotations"]:  # some tools keep attributes, and drop keys they do not know
        annotation.pop("track_id")
    for image in content["images"]:
        image.pop("medium"), image.pop("frame")
    path = tmp_path / "back.json"
    path.write_text(json.dumps(content))
    annotated = read_annotations(path, COCO_17)
    assert annotated.faults == []
    picture = labelled_frames(tracks)[0]
    said = annotated.people[tracks.medium, picture.frame][picture.people[0].person]
    assert said[0].tolist() == [5, 6]
    assert np.isnan(said[1]).all()
    np.testing.assert_allclose(said[2:], picture.people[0].xy[2:], atol=1e-3)


def test_what_is_not_understood_is_listed_together(tmp_path: Path) -> None:
    content = document(labelled_frames(made_up(6, people=1, frames=3, unseen=0)))
    content["images"][0]["file_name"] = "holiday.jpg"
    content["annotations"][1].pop("track_id"), content["annotations"][1].pop("attributes")
    content["categories"][0]["keypoints"][0] = "tail"
    path = tmp_path / "back.json"
    path.write_text(json.dumps(content))
    faults = "; ".join(read_annotations(path, COCO_17).faults)
    assert all(word in faults for word in ("'holiday.jpg'", "'tail'", "annotation 2"))
    for wrong in ("[1]", "{}", "no"):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"back\.json"):
            read_annotations(path, COCO_17)
    path.write_text(json.dumps({k: content[k] for k in ("images", "annotations", "categories")}))
    with pytest.raises(InputError, match="not of tracks"):
        read_coco(path)
