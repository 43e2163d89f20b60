"""Track survey: one pass over all tracks for the suites' metrics, and counts and drawn clips of the exploration report.

What is kept grows with tracks and clips, not with frames.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from posemill.params.validate import ValidateParams
from posemill.pose.gaps import found_only
from posemill.pose.skeleton import Skeleton
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.quality.facts import TrackFacts, track_facts
from posemill.report.skeletons import Strip, pick

if TYPE_CHECKING:
    import pandas as pd

BINS = 20
_STRIP_POSES = 7


@dataclass(slots=True)
class KeypointCounts:
    """Counts over all found poses of one skeleton: confidence (K, BINS) of seen keypoints, seen (K,), poses."""

    skeleton: Skeleton
    confidence: NDArray[np.int64]
    seen: NDArray[np.int64]
    poses: int = 0

    def add(self, track: PoseTrack) -> None:
        """Count one track, without interpolated poses."""
        track = found_only(track)
        seen = ~np.isnan(track.xy).any(-1)
        step = np.clip((track.confidence * BINS).astype(np.int64), 0, BINS - 1)
        keypoint = np.broadcast_to(np.arange(seen.shape[1]), seen.shape)
        np.add.at(self.confidence, (keypoint[seen], step[seen]), 1)
        self.seen += seen.sum(0)
        self.poses += len(track)

    def merge(self, other: KeypointCounts) -> None:
        """Add the counts of other tracks."""
        self.confidence += other.confidence
        self.seen += other.seen
        self.poses += other.poses


@dataclass(slots=True)
class SurveyPart:
    """Metrics, counts and drawings of some media.

    facts   of every track, in order. inside: (clip, medium, person, poses of the person inside the clip).
    keypoints  by skeleton name; strips  by clip: the person drawn and the drawing.
    """

    facts: list[TrackFacts] = field(default_factory=list)
    inside: list[tuple[int, str, int, int]] = field(default_factory=list)
    keypoints: dict[str, KeypointCounts] = field(default_factory=dict)
    strips: dict[int, tuple[int, Strip]] = field(default_factory=dict)

    def counts(self, skeleton: Skeleton) -> KeypointCounts:
        """Return the counts of a skeleton, zero at first."""
        k = len(skeleton)
        empty = KeypointCounts(skeleton, np.zeros((k, BINS), np.int64), np.zeros(k, np.int64))
        return self.keypoints.setdefault(skeleton.name, empty)

    def merge(self, other: SurveyPart) -> None:
        """Add what was collected of other media."""
        self.facts += other.facts
        self.inside += other.inside
        self.strips |= other.strips
        for counts in other.keypoints.values():
            self.counts(counts.skeleton).merge(counts)


@dataclass(slots=True)
class TrackSurvey:
    """Collects metrics and drawings shard by shard; see `add`.

    clips   ingest's clips; params  of the validate stage.
    """

    clips: pd.DataFrame
    params: ValidateParams
    _whole: SurveyPart = field(default_factory=SurveyPart)
    _by_medium: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)
    _drawn: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        by_medium = defaultdict(list)
        for clip, medium, start, end in self.clips[["clip", "medium", "start_s", "end_s"]].itertuples(index=False):
            by_medium[medium].append((int(clip), float(start), np.inf if np.isnan(end) else float(end)))
        self._by_medium = dict(by_medium)
        self._drawn = choose_drawn(self.clips, self.params.contact_sheet_clips)

    @property
    def keypoints(self) -> dict[str, KeypointCounts]:
        """Counts by skeleton name."""
        return self._whole.keypoints

    @property
    def strips(self) -> dict[int, tuple[int, Strip]]:
        """By clip: the person drawn and the drawing."""
        return self._whole.strips

    def add(self, part: SurveyPart) -> None:
        """Take what was collected of some media into account."""
        self._whole.merge(part)

    def survey(self, media: Iterable[MediumTracks]) -> SurveyPart:
        """Collect of some media."""
        part = SurveyPart()
        for tracks in media:
            self._add_medium(part, tracks)
        return part

    def decides(self, media: Sequence[str]) -> list[Any]:
        """Return all that decides the survey of some media, beside their tracks and the code, as JSON."""
        spans = [self._by_medium.get(medium, []) for medium in media]
        drawn = {clip: self._drawn[clip] for of in spans for clip, _, _ in of if clip in self._drawn}
        return [self.params.image_tolerance, self.params.bone_jump_ratio, spans, drawn]

    def tracks(self) -> pd.DataFrame:
        """One row a track: the fields of TrackFacts."""
        import pandas as pd

        names, rows = [f.name for f in fields(TrackFacts)], self._whole.facts
        if not rows:
            return pd.DataFrame([], columns=names)
        return pd.DataFrame({name: [getattr(facts, name) for facts in rows] for name in names})

    def inside(self) -> pd.DataFrame:
        """One row a clip and person: clip, medium, person, poses (of the person inside the clip)."""
        import pandas as pd

        return pd.DataFrame(self._whole.inside, columns=["clip", "medium", "person", "poses"])

    def _add_medium(self, part: SurveyPart, tracks: MediumTracks) -> None:
        size = tracks.width_px, tracks.height_px
        for t in tracks.tracks:
            arrays = t.frame, t.time_s, t.xy, t.confidence
            still = tracks.frames == 1
            part.facts.append(track_facts(tracks.medium, t.person, *arrays, size, t.skeleton, self.params, still))
            part.counts(tracks.skeleton).add(t)
        for clip, start, end in self._by_medium.get(tracks.medium, []):
            self._add_clip(part, clip, start, end, tracks)

    def _add_clip(self, part: SurveyPart, clip: int, start_s: float, end_s: float, tracks: MediumTracks) -> None:
        inside = [t.between(start_s, end_s) for t in tracks.tracks]
        part.inside += [(clip, tracks.medium, t.person, len(t)) for t in inside if len(t)]
        if clip in self._drawn and any(len(t) for t in inside):
            # the most seen person, which in a clip of one activity is mostly the one who does it
            main = max(inside, key=lambda t: int((~np.isnan(t.xy)).sum()))
            poses = main.xy[pick(len(main), _STRIP_POSES)]
            part.strips[clip] = main.person, Strip(poses, main.skeleton, self._drawn[clip])


def choose_drawn(clips: pd.DataFrame, count: int) -> dict[int, str]:
    """Choose `count` clips an activity to draw (clip → caption): a different subject each as long as there are some."""
    known = clips[clips["activity"].notna() & clips["clip"].notna()]
    turn = known.groupby(["activity", "subject"], dropna=False).cumcount()
    ordered = known.assign(turn=turn).sort_values(["activity", "turn"], kind="stable")
    chosen = ordered.groupby("activity", sort=True).head(count)
    return {
        int(c): f"clip {int(c)} · {s}" if isinstance(s, str) else f"clip {int(c)}"
        for c, s in zip(chosen["clip"], chosen["subject"], strict=True)
    }
