"""Surveys of shards kept from the last run, by a digest of all that decides them. A file names its media in clear."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from posemill.atomic import atomic_path
from posemill.code_digest import code_digest, import_closure
from posemill.pose.definition import defined, definition
from posemill.quality.facts import TrackFacts
from posemill.quality.track_survey import KeypointCounts, SurveyPart
from posemill.report.skeletons import Strip
from posemill.store.kept_files import KeptFiles, shard_key


class KeptSurveys(KeptFiles):
    """Surveys by key, a file each; `prune` leaves those of the last run. The folder need not be there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        closure = import_closure("posemill.quality.track_survey", around=False)
        self._version = f"{code_digest(closure)} numpy {np.__version__}"

    def key(self, shard: Path, *decides: Any) -> str:
        """Return the key of a shard's survey: a digest of the file, the code, and what else decides (as JSON)."""
        return shard_key(self._version, shard, *decides)

    def find(self, key: str) -> SurveyPart | None:
        """Return what is kept under a key; None where there is nothing, or no whole file."""
        path = self._path(key)
        try:
            part = _part(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        self.used.add(path.name)
        return part

    def put(self, key: str, part: SurveyPart) -> None:
        """Keep a survey. A disk that cannot take it is no fault of the run: then nothing is kept."""
        with suppress(OSError), atomic_path(self._path(key)) as path:
            path.write_text(json.dumps(_fields(part)))
        self.used.add(self._path(key).name)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"


def _fields(part: SurveyPart) -> dict[str, Any]:
    """As JSON, whose numbers come back bit by bit."""
    return {
        "facts": [[v.item() if isinstance(v, np.generic) else v for v in astuple(f)] for f in part.facts],
        "inside": part.inside,
        "keypoints": [
            [definition(c.skeleton), c.confidence.tolist(), c.seen.tolist(), c.poses] for c in part.keypoints.values()
        ],
        "strips": [
            [clip, person, definition(s.skeleton), s.xy.astype(np.float64).tolist(), s.caption]
            for clip, (person, s) in part.strips.items()
        ],
    }


def _part(fields: dict[str, Any]) -> SurveyPart:
    part = SurveyPart()
    part.facts = [TrackFacts(*row) for row in fields["facts"]]
    part.inside = [(int(c), str(m), int(p), int(n)) for c, m, p, n in fields["inside"]]
    for skeleton, confidence, seen, poses in fields["keypoints"]:
        counts = KeypointCounts(defined(skeleton), np.array(confidence, np.int64), np.array(seen, np.int64), poses)
        part.keypoints[counts.skeleton.name] = counts
    for clip, person, skeleton, xy, caption in fields["strips"]:
        body = defined(skeleton)
        poses = np.array(xy, np.float32).reshape(-1, len(body), 2)
        part.strips[int(clip)] = int(person), Strip(poses, body, caption)
    return part
