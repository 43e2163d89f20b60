"""Corrections in tracks: what was said is there, nothing else moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.store.corrections import CorrectionIndex, apply_corrections, carry_over, mismatches
from posemill.store.label_store import TrackStore


def tracks(labeller: str = "finder") -> MediumTracks:
    rng = np.random.default_rng(0)
    people = tuple(
        PoseTrack(
            COCO_17,
            person,
            np.arange(3, 9, dtype=np.int32),
            np.arange(3, 9) / 30,
            rng.uniform(0, 100, (6, 17, 2)).astype(np.float32),
            np.full((6, 17), 0.4, np.float32),
            np.zeros(6, np.uint8),
        )
        for person in (0, 2)
    )
    return MediumTracks("m" * 64, labeller, COCO_17, 100, 100, 9, 0.3, people)


def row(**changes: Any) -> dict[str, Any]:
    given = {
        "correction": 1,
        "medium": "m" * 64,
        "labeller": "finder",
        "skeleton": "coco-17",
        "person": 2,
        "frame": 5,
        "keypoint": "left_knee",
        "x_px": 12.5,
        "y_px": 80.0,
    }
    return given | changes


def test_what_was_said_is_there_and_nothing_else_moved() -> None:
    before = tracks()
    after = apply_corrections(before, [row(), row(frame=7, keypoint="nose", x_px=None, y_px=None)])
    knee, nose = COCO_17.index("left_knee"), COCO_17.index("nose")
    corrected = after.tracks[1]
    assert corrected.xy[2, knee].tolist() == [12.5, 80.0]
    assert corrected.confidence[2, knee] == 1
    assert np.isnan(corrected.xy[4, nose]).all()
    assert corrected.confidence[4, nose] == 0
    assert corrected.state.tolist() == [0, 0, State.CORRECTED, 0, State.CORRECTED, 0]
    changed = (corrected.xy != before.tracks[1].xy).any(-1)
    assert np.argwhere(changed).tolist() == [[2, knee], [4, nose]]
    assert after.tracks[0] is before.tracks[0]
    assert not (before.tracks[1].state == State.CORRECTED).any()


@pytest.mark.parametrize("other", [{"labeller": "another"}, {"medium": "n" * 64}])
def test_other_media_and_labellers_are_passed_over(other: dict[str, Any]) -> None:
    before = tracks()
    assert apply_corrections(before, [row(**other, person=99)]) is before


def test_everything_that_does_not_fit_is_named_together() -> None:
    wrong = [row(), row(person=1), row(frame=2), row(keypoint="tail"), row(keypoint="tail", frame=6)]
    faults = mismatches(tracks(), wrong)
    assert faults == ["no person 1", "person 2 has no pose in frame 2", "skeleton coco-17 has no keypoint 'tail'"]
    with pytest.raises(InputError, match=r"no person 1; person 2 .*frame 2; .*'tail'"):
        apply_corrections(tracks(), wrong)
    assert mismatches(replace(tracks(), tracks=()), [row()]) == ["no person 2"]


def renumbered(labeller: str) -> MediumTracks:
    """The same people, found a little elsewhere and numbered the other way round."""
    before = tracks()
    people = tuple(
        replace(t, person=number, xy=t.xy + np.float32(0.5)) for t, number in zip(before.tracks, (1, 0), strict=True)
    )
    return replace(before, labeller=labeller, tracks=people)


def test_what_was_said_of_another_labellers_tracks_goes_to_who_is_there() -> None:
    (carried,) = carry_over([row()], tracks(), renumbered("new"))
    assert (carried["person"], carried["labeller"], carried["x_px"]) == (0, "new", 12.5)
    gone = replace(renumbered("new"), tracks=renumbered("new").tracks[:1])
    assert carry_over([row()], tracks(), gone) == []  # somebody else is there
    assert carry_over([row(), row(person=7), row(frame=99), row(keypoint="tail")], tracks(), renumbered("new")) == [
        carried
    ]


def test_the_later_word_counts_and_that_of_these_tracks_more(tmp_path: Path) -> None:
    store = TrackStore(str(tmp_path))
    for labeller in ("finder", "second"):
        store.put(tracks(labeller))
    old = [row(correction=1, x_px=1.0), row(correction=2, labeller="second", x_px=2.0)]
    said = CorrectionIndex.of([*old, row(labeller="unknown", keypoint="nose")], store)
    after = said.apply(renumbered("new"))
    knee = COCO_17.index("left_knee")
    assert after.tracks[1].xy[2, knee].tolist() == [2.0, 80.0]
    assert (said.applied, said.skipped) == (1, 1)
    own = CorrectionIndex.of([row(correction=0, labeller="new", person=0, x_px=3.0), *old], store)
    assert own.apply(renumbered("new")).tracks[1].xy[2, knee].tolist() == [3.0, 80.0]
    other = replace(tracks(), medium="n" * 64)
    assert said.apply(other) is other
