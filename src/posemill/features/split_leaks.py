"""Train/test leakage: a medium, or the same keypoints, on both sides of a split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posemill.pose.near_duplicates import NearDuplicate

SHOWN = 5
NearDuplicates = Callable[[Sequence[str | None]], list[NearDuplicate]]  # of the clips, by the side of each; None = out


@dataclass(frozen=True, slots=True)
class SplitClip:
    """One clip and its split; `official` is the one that the data set gives, if it gives one."""

    clip: int
    medium: str
    split: str
    official: str | None
    camera: str | None = None
    subject: str = ""


def leaks(
    clips: Sequence[SplitClip],
    near_duplicates: NearDuplicates,
    by: str = "subject",
    found: list[str] | None = None,
    learnt: set[str] | None = None,
) -> list[str]:
    """Find leaks: one sentence for each kind, with what is on both sides and what to do.

    near_duplicates  finds the copies among these clips, see PerformanceStore.near_duplicates.
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
    duplicates = near_duplicates([clip.split for clip in clips])
    if by == "camera":
        seen_twice = [copy for copy in duplicates if _of_two_cameras(clips[copy.first], clips[copy.second])]
        duplicates = _without(duplicates, seen_twice)
        if seen_twice and found is not None:
            found.append(
                f"{len(seen_twice)} pairs of clips show the same keypoints as two cameras saw them, one in the test "
                "split: part of a split by camera"
            )
    dealt = [copy for copy in duplicates if _dealt(clips[copy.first], clips[copy.second])]
    if dealt and learnt is not None:
        duplicates = _without(duplicates, dealt)
        learnt |= _subjects_to_learn(clips, dealt, near_duplicates)
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


def _without(duplicates: Sequence[NearDuplicate], known: Sequence[NearDuplicate]) -> list[NearDuplicate]:
    out = set(known)
    return [copy for copy in duplicates if copy not in out]


def _dealt(one: SplitClip, other: SplitClip) -> bool:
    return one.official == other.official == "train" and {one.split, other.split} == {"train", "validation"}


def _subjects_to_learn(
    clips: Sequence[SplitClip], dealt: Sequence[NearDuplicate], near_duplicates: NearDuplicates
) -> set[str]:
    """Subjects of the validation clips among them, and of validation clips that show the same as theirs."""
    moved = {c.subject for copy in dealt for c in (clips[copy.first], clips[copy.second]) if c.split == "validation"}
    while True:
        more = near_duplicates([_learnt_side(clip, moved) for clip in clips])
        if not more:
            return moved
        moved |= {clips[i].subject for copy in more for i in (copy.first, copy.second)}


def _learnt_side(clip: SplitClip, moved: set[str]) -> str | None:
    return None if clip.split != "validation" else "moved" if clip.subject in moved else "stays"


def _of_two_cameras(one: SplitClip, other: SplitClip) -> bool:
    """True for a test clip and another one of different cameras, or where nobody named them."""
    return "test" in (one.split, other.split) and (one.camera is None or one.camera != other.camera)


def _of(clip: SplitClip) -> str:
    return f"clip {clip.clip} ({clip.split})"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
