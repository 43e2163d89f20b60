"""Train/test leakage: a medium, or the same keypoints, on both sides of a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.pose.near_duplicates import NearDuplicate, find_near_duplicates

SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class ClipPoses:
    """Poses of one clip. xy: (T, K, 2) pixels of the main subject, NaN = not seen; the same K for all clips."""

    clip: int
    medium: str
    split: str
    official: str | None
    xy: NDArray[np.float32]
    camera: str | None = None
    subject: str = ""


def leaks(
    clips: Sequence[ClipPoses], by: str = "subject", found: list[str] | None = None, learnt: set[str] | None = None
) -> list[str]:
    """Find leaks: one sentence for each kind, with what is on both sides and what to do.

    by      what tells test from training; by camera, one performance that two cameras saw is on both sides by design.
    found   gets sentences about what is there by design.
    learnt  gets the subjects of validation clips that show the same as a train clip, both of an official train split:
            dealing that split into two was not the data set's doing, so that they are to be learnt from instead.
    """
    sentences = []
    media: dict[str, set[str]] = {}
    for clip in clips:
        if clip.official is not None:
            media.setdefault(clip.medium, set()).add(clip.official)
    shared = [f"medium {medium[:12]}" for medium, splits in media.items() if len(splits) > 1]
    if shared:
        sentences.append(
            f"clips of one medium are on both sides of the official split, expected all on one: {_some(shared)}; give "
            "them one split (`posemill segments correct`)"
        )
    duplicates = find_near_duplicates([clip.xy for clip in clips], [clip.split for clip in clips])
    if by == "camera":
        seen_twice = [copy for copy in duplicates if _of_two_cameras(clips[copy.first], clips[copy.second])]
        duplicates = [copy for copy in duplicates if copy not in seen_twice]
        if seen_twice and found is not None:
            found.append(
                f"{len(seen_twice)} pairs of clips show the same keypoints as two cameras saw them, one in the test "
                "split: part of a split by camera"
            )
    dealt = [copy for copy in duplicates if _dealt(clips[copy.first], clips[copy.second])]
    if dealt and learnt is not None:
        duplicates = [copy for copy in duplicates if copy not in dealt]
        learnt |= _subjects_to_learn(clips, dealt)
        if found is not None:
            found.append(
                f"{len(dealt)} pairs of clips of the official train split show the same keypoints: {len(learnt)} "
                "subjects that were dealt to validation are learnt from instead"
            )
    if duplicates:
        pairs = [f"{_of(clips[copy.first])} and {_of(clips[copy.second])} ({copy.poses} poses)" for copy in duplicates]
        sentences.append(
            f"clips on different sides of the split show the same keypoints, up to shift, scale and trimming: "
            f"{_some(pairs)}; remove one of each (`posemill segments remove CLIP`), or say that they have one subject"
        )
    return sentences


def _dealt(one: ClipPoses, other: ClipPoses) -> bool:
    return one.official == other.official == "train" and {one.split, other.split} == {"train", "validation"}


def _subjects_to_learn(clips: Sequence[ClipPoses], dealt: Sequence[NearDuplicate]) -> set[str]:
    """Subjects of the validation clips among them, and of validation clips that show the same as theirs."""
    moved = {c.subject for copy in dealt for c in (clips[copy.first], clips[copy.second]) if c.split == "validation"}
    while True:
        validation = [clip for clip in clips if clip.split == "validation"]
        sides = ["moved" if clip.subject in moved else "stays" for clip in validation]
        more = find_near_duplicates([clip.xy for clip in validation], sides)
        if not more:
            return moved
        moved |= {validation[i].subject for copy in more for i in (copy.first, copy.second)}


def _of_two_cameras(one: ClipPoses, other: ClipPoses) -> bool:
    """True for a test clip and another one of different cameras, or where nobody named them."""
    return "test" in (one.split, other.split) and (one.camera is None or one.camera != other.camera)


def _of(clip: ClipPoses) -> str:
    return f"clip {clip.clip} ({clip.split})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
