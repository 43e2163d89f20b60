"""Group-stratified splits: no subject is in two, and every activity of a dataset is in each where subjects allow it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError


@dataclass(frozen=True, slots=True)
class ClipMeta:
    """Metadata of a clip that splitting needs. official is `train`, `test` or None; camera only for its protocol."""

    subject: str
    activity: str
    official: str | None = None
    dataset: str = ""
    camera: str | None = None


def group_subjects(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Group subjects that must be on one side: subject → the first of their group, by name. pairs: (subject, medium).

    Subjects of one medium are one group, and so are those whom a third joins.

    Examples:
        >>> group_subjects([("ann", "v1"), ("bob", "v1"), ("cy", "v2")])
        {'ann': 'ann', 'bob': 'ann', 'cy': 'cy'}
    """
    first: dict[str, str] = {}
    seen_in: dict[str, str] = {}

    def head(subject: str) -> str:
        while first[subject] != subject:
            subject = first[subject]
        return subject

    for subject, medium in pairs:
        first.setdefault(subject, subject)
        low, high = sorted((head(subject), head(seen_in.setdefault(medium, subject))))
        first[high] = low
    return {subject: head(subject) for subject in first}


def split_subjects(clips: Sequence[ClipMeta], validation: float, test: float, seed: int) -> dict[str, str]:
    """Split by subject: subject → `train`, `validation` or `test`, the same for the same clips and seed.

    validation, test  shares of the clips of every activity in every dataset, as nearly as whole subjects allow: a
                      dataset of few subjects with many clips must not fill them alone. A subject with an official
                      test clip is test; one with official train clips is train or validation, never test.
    """
    official = _official(clips)
    subjects = sorted({c.subject for c in clips})
    counts = _counts(clips, subjects)
    random = np.random.default_rng(seed)
    free = [int(i) for i in random.permutation(len(subjects)) if official.get(subjects[i]) is None]
    trained = [int(i) for i in random.permutation(len(subjects)) if official.get(subjects[i]) == "train"]
    split = {s: official.get(s, "train") for s in subjects}
    for i in _pick(counts, free, counts[free].sum(0) * test):
        split[subjects[i]] = "test"
        free.remove(i)
    rest = free + trained
    for i in _pick(counts, rest, counts[rest].sum(0) * validation / (1 - (0 if trained else test))):
        split[subjects[i]] = "validation"
    return split


def split_by_protocol(
    clips: Sequence[ClipMeta], by: Literal["camera", "setup"], validation: float, test: float, seed: int
) -> list[str]:
    """Split by camera or set-up, with the same subjects on both sides: the split of every clip, in order.

    The test split is the official one; by camera, clips without one get whole cameras of their dataset, as nearly the
    share `test` as they allow. The validation split is chosen from the rest, by subject.
    Errors: InputError where a clip has neither an official split nor, by camera, a camera.
    """
    lost = [c for c in clips if c.official is None and (by == "setup" or c.camera is None)]
    if lost:
        what = "no official split" if by == "setup" else "neither an official split nor a camera"
        raise InputError(
            f"prepare.split.by: {by} needs to know the {by} of every clip, and {len(lost)} of {len(clips)} clips (of "
            f"{', '.join(sorted({c.dataset or 'no dataset' for c in lost}))}) have {what}: import them with their "
            f"official split{'' if by == 'setup' else ', name their cameras'}, or split by subject"
        )
    cameras = [replace(c, subject=f"{c.dataset}/{c.camera}") for c in clips if c.official is None]
    test_cameras = {c for c, side in split_subjects(cameras, 0, test, seed).items() if side == "test"}
    tested = [c.official == "test" or (c.official is None and f"{c.dataset}/{c.camera}" in test_cameras) for c in clips]
    rest = [replace(c, official=None) for c, is_test in zip(clips, tested, strict=True) if not is_test]
    side = split_subjects(rest, validation, 0, seed)
    return ["test" if is_test else side[c.subject] for c, is_test in zip(clips, tested, strict=True)]


def _official(clips: Sequence[ClipMeta]) -> Mapping[str, str]:
    official: dict[str, str] = {}
    for clip in clips:
        if clip.official and official.get(clip.subject) != "test":
            official[clip.subject] = clip.official
    return official


def _counts(clips: Sequence[ClipMeta], subjects: list[str]) -> NDArray[np.float64]:
    """(subjects, activities of each dataset) clips."""
    number = Counter((c.subject, c.dataset, c.activity) for c in clips)
    kinds = sorted({(c.dataset, c.activity) for c in clips})
    counts = [[number[s, *kind] for kind in kinds] for s in subjects]
    return np.array(counts, np.float64).reshape(len(subjects), len(kinds))


def _pick(counts: NDArray[np.float64], pool: list[int], wanted: NDArray[np.float64]) -> list[int]:
    """Subjects from the pool that together come nearest to the wanted clips of every activity.

    Greedy: each step takes the subject that closes most of what is wanted, an activity that is not there yet first;
    an activity's last subject stays in the pool.
    """
    left, chosen = list(pool), []
    have = np.zeros_like(wanted)
    while left:
        gains = np.array([_gain(counts[i], wanted - have, have, counts[left].sum(0) - counts[i]) for i in left])
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        have += counts[left[best]]
        chosen.append(left.pop(best))
    return chosen


def _gain(
    own: NDArray[np.float64], missing: NDArray[np.float64], have: NDArray[np.float64], rest: NDArray[np.float64]
) -> float:
    """Gain of taking a subject with `own` clips; minus infinity when it is the last one of an activity."""
    if ((own > 0) & (rest <= 0)).any():
        return float("-inf")
    closer = np.abs(missing) - np.abs(missing - own)
    new = ((own > 0) & (have == 0) & (missing > 0)).sum()
    return float(closer.sum() + 1e3 * new)
