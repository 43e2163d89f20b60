"""The label store: one track file a medium and labeller fingerprint, on any fsspec URL.

This is what makes labelling incremental: what is here is never computed again.
"""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

from posemill.errors import InputError
from posemill.pose.track import MediumTracks
from posemill.store.files import as_unavailable, replace_file
from posemill.store.track_file import medium_bytes, medium_from

_FINGERPRINT = re.compile(r"[A-Za-z0-9._-]{1,128}")


class TrackStore:
    """`put` tracks, `get` them by medium and fingerprint. A put replaces; readers see the old file or the new one."""

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = url
        self._fs, root = fsspec.core.url_to_fs(url)
        self._root = root.rstrip("/")
        self._local = "file" in (self._fs.protocol if not isinstance(self._fs.protocol, str) else (self._fs.protocol,))

    def has(self, medium: str, fingerprint: str) -> bool:
        """Whether that medium was labelled by that labeller."""
        with as_unavailable(f"the store {self.url} does not answer"):
            return bool(self._fs.exists(self.place(medium, fingerprint)))

    def put(self, tracks: MediumTracks) -> None:
        """Store tracks under their medium and `labeller`.

        Errors: Unavailable when the store is full or away; nothing new is then under the final name.
        """
        place, content = self.place(tracks.medium, tracks.labeller), medium_bytes(tracks)
        if self._local:
            replace_file(Path(place), content)
            return
        with as_unavailable(f"tracks of {tracks.medium} cannot be stored in {self.url}"):
            fresh = f"{place}.{uuid4().hex[:8]}.part"
            self._fs.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
            self._fs.pipe_file(fresh, content)
            self._fs.mv(fresh, place)

    def get(self, medium: str, fingerprint: str) -> MediumTracks:
        """The tracks. Errors: InputError when there are none, or the file is not readable as tracks."""
        place = self.place(medium, fingerprint)
        with as_unavailable(f"the store {self.url} does not answer"):
            try:
                content = self._fs.cat_file(place)
            except FileNotFoundError:
                raise InputError(f"the store {self.url} has no tracks of {medium} by {fingerprint}") from None
        return medium_from(content, place)

    def media(self, fingerprint: str) -> set[str]:
        """Digests of all media that this labeller has labelled."""
        _check(fingerprint)
        with as_unavailable(f"the store {self.url} does not answer"):
            found = self._fs.glob(f"{self._root}/tracks/{fingerprint}/*/*.parquet")
        return {str(name).rsplit("/", 1)[1].removesuffix(".parquet") for name in found}

    def place(self, medium: str, fingerprint: str) -> str:
        """Where the file is, as the file system of the store names it."""
        _check(medium)
        _check(fingerprint)
        return f"{self._root}/tracks/{fingerprint}/{medium[:2]}/{medium}.parquet"


def _check(name: str) -> None:
    if not _FINGERPRINT.fullmatch(name) or name.startswith("."):
        raise InputError(f"{name!r} cannot be part of a file name in the store: letters, digits, '.', '_' and '-' only")
