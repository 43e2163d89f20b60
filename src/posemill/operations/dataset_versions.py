"""Dataset versions: what a data set held at one time, and the changes from one version to the next."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

Kind = Literal["added", "removed", "labelled", "relabelled", "unlabelled", "recut", "subject", "split"]
KINDS: tuple[Kind, ...] = ("added", "removed", "labelled", "relabelled", "unlabelled", "recut", "subject", "split")
SAME_CLIP = 0.5  # overlap (intersection over union) from which a clip with other ends is the same one, cut anew


class Place(NamedTuple):
    """The interval that a clip is known by; end_s infinite: to the end of the medium."""

    medium: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Clip:
    """Claims about a clip; None = not said."""

    activity: str | None = None
    subject: str | None = None
    split: str | None = None
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One clip that is another than in the version before. before, after: what `kind` is about; "" = nothing."""

    kind: Kind
    place: Place
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class Version:
    """A data set at one time.

    sources  where it is known from, for people: commits, model versions, the database.
    exact    false where it was reconstructed from the database, which does not have what was erased since.
    """

    at: datetime
    sources: tuple[str, ...]
    clips: Mapping[Place, Clip]
    exact: bool = True

    @cached_property
    def name(self) -> str:
        """Short digest of the content: equal data have equal names, wherever they are."""
        rows = sorted([*place[:2], str(place.end_s), *map(str, _said(clip))] for place, clip in self.clips.items())
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:10]

    @property
    def activities(self) -> Counter[str]:
        """Number of clips of every activity."""
        return Counter(clip.activity for clip in self.clips.values() if clip.activity is not None)

    @property
    def subjects(self) -> set[str]:
        """Names of the people."""
        return {clip.subject for clip in self.clips.values() if clip.subject is not None}

    @property
    def media(self) -> set[str]:
        """Digests of the media."""
        return {place.medium for place in self.clips}


@dataclass(frozen=True, slots=True)
class Step:
    """A version, and what changed from the one before it; of the first everything is new."""

    version: Version
    changes: tuple[Change, ...]
    classes_added: tuple[str, ...]
    classes_removed: tuple[str, ...]
    subjects_added: tuple[str, ...]
    subjects_removed: tuple[str, ...]
    media_added: int
    media_removed: int

    def count(self, kind: Kind) -> int:
        """Number of clips that changed so."""
        return sum(change.kind == kind for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return figures and changes as plain values."""
        version = self.version
        return {
            "version": version.name,
            "at": version.at.isoformat(timespec="seconds"),
            "sources": list(version.sources),
            "exact": version.exact,
            "clips": len(version.clips),
            "labelled_clips": version.activities.total(),
            "classes": len(version.activities),
            "subjects": len(version.subjects),
            "media": len(version.media),
            **{f"clips_{kind}": self.count(kind) for kind in KINDS},
            **{
                name: list(getattr(self, name))
                for name in ("classes_added", "classes_removed", "subjects_added", "subjects_removed")
            },
            "media_added": self.media_added,
            "media_removed": self.media_removed,
        }


def steps(versions: Iterable[Version]) -> list[Step]:
    """Return versions in the order of time with their changes; neighbours with the same content are one version."""
    merged: list[Version] = []
    for version in sorted(versions, key=lambda v: v.at):
        if merged and merged[-1].clips == version.clips:
            last = merged.pop()
            sources = tuple(dict.fromkeys(last.sources + version.sources))
            version = Version(last.at, sources, last.clips, last.exact or version.exact)
        merged.append(version)
    empty = [Version(merged[0].at, (), {})] if merged else []
    return [step(before, after) for before, after in zip([*empty, *merged], merged, strict=False)]


def step(before: Version, after: Version) -> Step:
    """Compare two versions."""
    old, new = before.activities, after.activities
    return Step(
        after,
        tuple(changes(before.clips, after.clips)),
        tuple(sorted(new.keys() - old.keys())),
        tuple(sorted(old.keys() - new.keys())),
        tuple(sorted(after.subjects - before.subjects)),
        tuple(sorted(before.subjects - after.subjects)),
        len(after.media - before.media),
        len(before.media - after.media),
    )


def changes(before: Mapping[Place, Clip], after: Mapping[Place, Clip]) -> list[Change]:
    """Return what changed, clip by clip. A clip that was cut anew may be relabelled as well.

    Examples:
        >>> squat, lunge = Clip("squat", "anna"), Clip("lunge", "anna")
        >>> [c.kind for c in changes({Place("a", 0, 4): squat}, {Place("a", 0, 4): lunge, Place("b", 0, 2): squat})]
        ['added', 'relabelled']
    """
    gone, fresh = before.keys() - after.keys(), after.keys() - before.keys()
    recut = _recut(gone, fresh)
    found = [Change("added", place, "", _text(after[place].activity)) for place in fresh - set(recut.values())]
    found += [Change("removed", place, _text(before[place].activity)) for place in gone - recut.keys()]
    found += [Change("recut", new, span(old), span(new)) for old, new in recut.items()]
    for old, new in [*((place, place) for place in before.keys() & after.keys()), *recut.items()]:
        found += _claims(new, before[old], after[new])
    return sorted(found, key=lambda c: (KINDS.index(c.kind), c.place, c.before, c.after))


def _claims(place: Place, before: Clip, after: Clip) -> list[Change]:
    found = []
    if before.activity != after.activity:
        kind: Kind = "labelled" if before.activity is None else "unlabelled" if after.activity is None else "relabelled"
        found.append(Change(kind, place, _text(before.activity), _text(after.activity)))
    if before.subject != after.subject:
        found.append(Change("subject", place, _text(before.subject), _text(after.subject)))
    if before.split != after.split:
        found.append(Change("split", place, _text(before.split), _text(after.split)))
    return found


def _recut(gone: Iterable[Place], fresh: Iterable[Place]) -> dict[Place, Place]:
    """Old to new place of the clips that were cut anew: of one medium, with the largest overlap first."""
    by_medium: dict[str, list[Place]] = {}
    for place in fresh:
        by_medium.setdefault(place.medium, []).append(place)
    pairs = [(overlap(old, new), old, new) for old in gone for new in by_medium.get(old.medium, [])]
    found: dict[Place, Place] = {}
    taken: set[Place] = set()
    for share, old, new in sorted(pairs, key=lambda p: (-p[0], p[1], p[2])):
        if share >= SAME_CLIP and old not in found and new not in taken:
            found[old] = new
            taken.add(new)
    return found


def overlap(one: Place, other: Place) -> float:
    """Return intersection over union of two intervals, 0..1; two that both reach to the end are compared by starts."""
    if math.isinf(one.end_s) and math.isinf(other.end_s):
        return 1.0 if one.start_s == other.start_s else SAME_CLIP
    inside = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    union = max(one.end_s, other.end_s) - min(one.start_s, other.start_s)
    if math.isinf(union):  # where the medium ends is not known here
        return SAME_CLIP if one.start_s == other.start_s else 0.0
    return max(inside, 0.0) / union if union > 0 else 0.0


def relabelled_pairs(found: Sequence[Change]) -> list[tuple[str, str, int]]:
    """Return (before, after, clips) of the relabelled clips, the most frequent first."""
    counts = Counter((c.before, c.after) for c in found if c.kind == "relabelled")
    return [(*pair, n) for pair, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def span(place: Place) -> str:
    """Return the interval for people: `2.0 to 7.5 s`."""
    return f"{place.start_s:.1f} to {'the end' if math.isinf(place.end_s) else f'{place.end_s:.1f} s'}"


def _said(clip: Clip) -> tuple[str | None, ...]:
    return clip.activity, clip.subject, clip.split, clip.dataset


def _text(value: str | None) -> str:
    return "" if value is None else value
