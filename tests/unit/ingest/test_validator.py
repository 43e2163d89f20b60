"""What makes a sequence no good as a member of a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.ingest.sequence import Sequence, medium_tracks, named_group, read_classes, skeleton_of
from posemill.ingest.validator import SHOWN, DatasetValidator, listed
from posemill.pose.skeleton import BODY_12, COCO_17, MPII_15


def sequence(name: str, frames: int = 4, seed: int | None = None, seen: bool = True, **said: str) -> Sequence:
    xy = np.random.default_rng(len(name) + ord(name[-1]) if seed is None else seed).uniform(0, 99, (1, frames, 12, 2))
    tracks = medium_tracks(f"d/{name}", BODY_12, (99, 99), 25, xy if seen else xy * np.nan, np.ones((1, frames, 12)))
    return Sequence(name, said.get("activity"), said.get("split"), tracks, said.get("subject"))


def test_what_is_empty_or_too_short() -> None:
    validator = DatasetValidator()
    assert validator.check_sequence(sequence("a")) is None
    assert "1 frame" in str(validator.check_sequence(sequence("b", frames=1)))
    assert "no frame" in str(validator.check_sequence(sequence("c", frames=0)))
    assert "nobody is seen" in str(validator.check_sequence(sequence("d", seen=False)))
    lenient = DatasetValidator(require_motion=False, allow_empty=True)
    for name, changes in {"a": {"frames": 1}, "b": {"seen": False}, "c": {"seen": False}}.items():
        assert lenient.check_sequence(sequence(name, **changes)) is None, name  # type: ignore[arg-type]


def test_the_same_content_or_name_twice_and_unknown_classes() -> None:
    validator = DatasetValidator(classes=["wave"])
    assert validator.check_sequence(sequence("a", seed=1, activity="wave")) is None
    assert validator.check_sequence(sequence("b", seed=1)) == "it has the same content as a, under another name"
    assert validator.check_sequence(sequence("a", seed=2)) == "there is another one of that name"
    assert "unknown class 'fly'" in str(validator.check_sequence(sequence("c", activity="fly")))
    assert validator.split_leaks() == {}


def test_a_subject_on_both_sides_is_told_of_the_training_side() -> None:
    validator = DatasetValidator()
    for name, subject, split in (
        ("a", "ann", "train"),
        ("b", "ann", "test"),
        ("c", "bob", "train"),
        ("d", "ann", "train"),
    ):
        assert validator.check_sequence(sequence(name, subject=subject, split=split)) is None
    assert set(validator.split_leaks()) == {"a", "d"}
    assert "subject ann is on both sides of the split: b is a test" in validator.split_leaks()["a"]


def test_many_faults_are_told_by_number() -> None:
    text = listed(f"fault {i}" for i in range(SHOWN + 3))
    assert text.count("\n- ") == SHOWN + 1
    assert text.endswith("and 3 more")


def test_skeletons_are_found_by_name() -> None:
    assert skeleton_of(reversed(COCO_17.keypoints)) == COCO_17
    assert skeleton_of([*MPII_15.keypoints, "tail"]) == MPII_15
    with pytest.raises(InputError, match="no skeleton has only"):
        skeleton_of(["nose", "tail"])


def test_names_and_lists(tmp_path: Path) -> None:
    assert named_group(None, "x") is None
    assert named_group(r"g(\d+)(_c)?", "g07") == "07"
    for pattern in ("(", "g", "P(.)"):
        with pytest.raises(InputError):
            named_group(pattern, "g07")
    (tmp_path / "c.txt").write_text("wave\n\n squat \n")
    assert read_classes(tmp_path / "c.txt") == ["wave", "squat"]
    (tmp_path / "c.txt").write_text("wave\nwave\n")
    with pytest.raises(InputError, match="each once; wave came"):
        read_classes(tmp_path / "c.txt")
