"""Validation of the samples of a data set while they are read: empty, unknown class, duplicates, split leaks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from posemill.ingest.protocol import SplitBy
from posemill.ingest.sequence import Sequence

SHOWN = 20


class DatasetValidator:
    """Checks every sample of a data set once, by its name.

    require_motion  a single frame is a fault.
    allow_empty     a sample in which nobody is seen is valid (it counts as unanswered in the end).
    classes         the known activities; None = any.
    split_by        what the official split tells apart; only by subject is a subject on both sides a fault.
    """

    def __init__(
        self,
        *,
        require_motion: bool = True,
        allow_empty: bool = False,
        classes: Iterable[str] | None = None,
        split_by: SplitBy = "subject",
    ) -> None:
        self._require_motion, self._allow_empty = require_motion, allow_empty
        self._classes = None if classes is None else frozenset(classes)
        self._split_by = split_by
        self._names: set[str] = set()
        self._contents: dict[str, str] = {}
        self._sides: dict[str, dict[str, list[str]]] = {}

    def check_sequence(self, sequence: Sequence) -> str | None:
        """Return why a keypoint sequence is invalid, or None."""
        tracks = sequence.tracks
        if not tracks.frames or (not self._allow_empty and not any(len(track) for track in tracks.tracks)):
            return "it is empty: nobody is seen in any of its frames" if tracks.frames else "it is empty: no frame"
        if self._require_motion and tracks.frames == 1:
            return "it has 1 frame, and an activity needs motion"
        content = hashlib.sha256()
        for track in tracks.tracks:
            for values in (track.frame, track.xy, track.confidence, *([] if track.z is None else [track.z])):
                content.update(values.tobytes())
        digest = content.hexdigest() if tracks.tracks else None
        return self.check(sequence.name, digest, sequence.activity, sequence.subject, sequence.split)

    def check(
        self, name: str, digest: str | None, activity: str | None, subject: str | None, split: str | None
    ) -> str | None:
        """Return why a sample is invalid, or None. digest: of its content."""
        if name in self._names:
            return "there is another one of that name"
        self._names.add(name)
        if self._classes is not None and activity is not None and activity not in self._classes:
            return f"unknown class {activity!r}: it is not among the {len(self._classes)} that were given"
        first = name if digest is None else self._contents.setdefault(digest, name)
        if first != name:
            return f"it has the same content as {first}, under another name"
        if subject is not None and split is not None and self._split_by == "subject":
            self._sides.setdefault(subject, {}).setdefault(split, []).append(name)
        return None

    def split_leaks(self) -> dict[str, str]:
        """Return the training samples whose subject is in the test split too, each with the reason."""
        return {
            name: f"its subject {subject} is on both sides of the split: {sides['test'][0]} is a test of it"
            for subject, sides in self._sides.items()
            if len(sides) > 1
            for name in sides["train"]
        }


def listed(sentences: Iterable[str]) -> str:
    """Faults as one text, the first of them by name and the others by number."""
    lines = list(sentences)
    more = f"\n- and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return "\n- " + "\n- ".join(lines[:SHOWN]) + more
