"""Shards kept from the last run, to be linked instead of written again, where all their tracks were imported.

An imported medium's name is the digest of its tracks, so that the names say what is in a shard. A shard here is a
second name of the file (a copy where the disk knows none); beside it is what is known of its media. Both name these in
clear, so that an erasure finds them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from posemill.atomic import atomic_path
from posemill.pose.definition import defined, definition
from posemill.pose.skeleton import Skeleton
from posemill.store.kept_files import KeptFiles


class KeptMedium(NamedTuple):
    """Figures of a medium's tracks, known without reading them.

    about  their metadata; rows: of their table; persons, poses: as in ShardEntry.
    """

    skeleton: Skeleton
    is_3d: bool
    about: Mapping[str, Any]
    rows: int
    persons: int
    poses: int


class KeptShards(KeptFiles):
    """Shards by a digest of the names of their media; `prune` leaves those of the last run.

    version  what else decides the bytes of a shard.
    """

    def __init__(self, folder: Path, version: str) -> None:
        super().__init__(folder)
        self._version = version
        self._media = self._read()

    def known(self, medium: str) -> KeptMedium | None:
        """Return what is known of a medium; None where none of the kept shards has it."""
        return self._media.get(medium)

    def link(self, media: Sequence[str], target: Path) -> bool:
        """Put the shard of these media, in this order, at `target`; False where it is not kept."""
        path = self._path(media)
        if not all(medium in self._media for medium in media):
            return False
        try:
            _link(path, target)
        except OSError:
            return False
        self.used |= {path.name, f"{path.stem}.json"}
        return True

    def keep(self, media: Mapping[str, KeptMedium], shard: Path) -> None:
        """Keep a shard. A disk that cannot take it is no fault of the run: then nothing is kept."""
        path = self._path(list(media))
        described = {
            "version": self._version,
            "media": {m: [definition(k.skeleton), *k[1:]] for m, k in media.items()},
        }
        with suppress(OSError):
            with atomic_path(path) as part:
                _link(shard, part)
            with atomic_path(path.with_suffix(".json")) as part:
                part.write_text(json.dumps(described))
            self.used |= {path.name, f"{path.stem}.json"}

    def _path(self, media: Sequence[str]) -> Path:
        name = hashlib.sha256("\n".join([self._version, *media]).encode()).hexdigest()
        return self.folder / f"{name}.parquet"

    def _read(self) -> dict[str, KeptMedium]:
        found: dict[str, KeptMedium] = {}
        skeletons: dict[str, Skeleton] = {}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []:
            with suppress(OSError, ValueError, KeyError, TypeError):
                described = json.loads(path.read_text())
                if described["version"] != self._version:
                    continue
                for medium, (skeleton, *known) in described["media"].items():
                    named = json.dumps(skeleton)
                    skeletons[named] = skeletons.get(named) or defined(skeleton)
                    found[medium] = KeptMedium(skeletons[named], *known)
        return found


def _link(path: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system knows none. Nobody writes into a shard."""
    try:
        os.link(path, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, target)
