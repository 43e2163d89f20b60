"""Poses of a video by the very backend and parameters that labelled the training data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from posemill.errors import CheckpointError
from posemill.labelling.base import PoseBackend, load_backend
from posemill.params.label import LabelParams
from posemill.pose.track import MediumTracks

LABELLER = "labeller.json"


@dataclass(frozen=True, slots=True, eq=False)
class Poser:
    """A pose backend that is loaded once. One video at a time: decoders keep global state."""

    backend: PoseBackend
    params: LabelParams
    lock: Lock

    @classmethod
    def load(cls, folder: Path) -> Poser:
        """From labeller.json of a package. CheckpointError where the backend here would find other keypoints."""
        wanted = json.loads((folder / LABELLER).read_text())
        params = LabelParams.model_validate(wanted["params"])
        backend = load_backend(wanted["backend"], params)
        _require_same(wanted.get("describes"), json.loads(json.dumps(backend.describe())))
        return cls(backend, params, Lock())

    def tracks(self, path: Path) -> MediumTracks:
        """Everybody in a video. UnreadableMedia says why a file cannot be used."""
        from posemill.labelling.engine import label_medium
        from posemill.video.apart import probe_apart

        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        probe_apart(path)  # a stranger sent it
        with self.lock:
            tracks: MediumTracks = label_medium(path, digest, self.backend, self.params)
        return tracks


def _require_same(wanted: dict[str, Any] | None, found: dict[str, Any]) -> None:
    """Training and serving must see the same keypoints; `wanted` None means the labels were imported."""
    if wanted is None or wanted == found:
        return
    other = sorted(k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k))
    raise CheckpointError(
        f"the labeller here differs from the one that labelled the training data in {', '.join(other)}: "
        "install the versions of requirements.lock, or label and train again"
    )
