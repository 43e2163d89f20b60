"""Held-out clips: those of the test split, as a client would send them, and the answer for one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posemill.errors import InputError
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.serving.schemas.activity import VideoAnswer


@dataclass(frozen=True, slots=True)
class HeldOutClip:
    """One clip of the test split; `kind` of its medium is video or keypoints, `end_s` NaN = to the end."""

    clip: int
    medium: str
    kind: str
    start_s: float
    end_s: float
    activity: str


def held_out_clips(inputs: Workspace) -> list[HeldOutClip]:
    """Return the clips of the test split in the order of prepare's windows, which is one of content."""
    import pandas as pd

    index = pd.read_parquet(inputs.output("prepare") / "index.parquet")
    test = index[index["split"] == "test"].drop_duplicates("clip")[["clip", "medium", "activity"]]
    clips = pd.read_parquet(inputs.output("ingest") / "clips.parquet")[["clip", "start_s", "end_s"]]
    media = pd.read_parquet(inputs.output("ingest") / "media.parquet")[["medium", "kind"]].drop_duplicates("medium")
    joined = test.merge(clips, on="clip").merge(media, on="medium")  # an inner merge keeps the order of the left side
    if not len(joined):
        raise InputError(f"no clip of the test split in {inputs.output('prepare')}: label more subjects")
    return [HeldOutClip(**row) for row in joined[list(HeldOutClip.__slots__)].to_dict("records")]


def choose(clips: list[HeldOutClip], count: int) -> list[HeldOutClip]:
    """At most `count` clips: the activities in turn, spread over each activity's clips."""
    piles: dict[str, list[HeldOutClip]] = {}
    for clip in clips:
        piles.setdefault(clip.activity, []).append(clip)
    turns = [(i, activity) for activity, pile in piles.items() for i in range(len(pile))]
    quota = Counter(activity for _, activity in sorted(turns)[:count])
    return [piles[a][i] for a in sorted(quota) for i in _spread(len(piles[a]), quota[a])]


def _spread(length: int, count: int) -> list[int]:
    """`count` different places out of `length`, first and last among them where there are two or more."""
    return [round(i * (length - 1) / max(count - 1, 1)) for i in range(count)]


def answer_between(answer: VideoAnswer, clip: HeldOutClip) -> tuple[str | None, float]:
    """Return (activity, probability): the verdict of a whole medium, else the main subject's activity in the clip."""
    whole = clip.start_s <= 0 and not clip.end_s < answer.video.duration_s - 0.1
    if whole or not answer.people:
        return (answer.verdict.activity, answer.verdict.probability) if answer.verdict else (None, 0.0)
    person = next(p for p in answer.people if p.person == answer.main_subject)
    end_s = clip.end_s if np.isfinite(clip.end_s) else answer.video.duration_s
    seconds: dict[str, float] = {}
    for s in person.segments:
        overlap = min(s.end_s, end_s) - max(s.start_s, clip.start_s)
        seconds[s.activity] = seconds.get(s.activity, 0.0) + max(0.0, overlap) * s.probability
    best = max(seconds, key=lambda a: seconds[a], default=None)
    return (best, seconds[best] / (end_s - clip.start_s)) if best and seconds[best] > 0 else (None, 0.0)
