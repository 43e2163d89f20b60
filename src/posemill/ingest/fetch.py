"""Fetch media into the store by URL, and probe their properties."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from posemill.errors import InputError, UnreadableMedia
from posemill.redacted import redacted
from posemill.store.files import as_unavailable
from posemill.store.filesystems import client_options
from posemill.store.media import MediaStore
from posemill.store.track_file import read_medium
from posemill.video.container import open_file

_FIGURES = ("width_px", "height_px", "fps", "frames", "duration_s", "codec")


def fetch_uri(uri: str, store: MediaStore) -> str:
    """Fetch the bytes behind any fsspec URL into the store; return their digest.

    Errors: UnreadableMedia when there is nothing there, or the address cannot be; Unavailable when it does not answer.
    """
    import fsspec

    shown = redacted(uri)
    with tempfile.TemporaryDirectory() as folder, as_unavailable(f"{shown} does not answer"):
        local = Path(folder) / "medium"
        _check_local(uri)
        try:
            with (
                fsspec.open(uri, "rb", **client_options(uri.partition("://")[0])) as source,
                local.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, 1 << 20)
        except (FileNotFoundError, IsADirectoryError, PermissionError) as exc:
            raise UnreadableMedia(f"{shown}: {type(exc).__name__}: there is no file that can be read") from exc
        except (ValueError, ImportError) as exc:  # an unknown protocol, or one whose package is not installed
            raise UnreadableMedia(f"{shown} is no address that can be fetched: {redacted(str(exc))}") from exc
        return store.put(local)


def _check_local(uri: str) -> None:
    """Raise UnreadableMedia where a local address is no regular file: a pipe would be waited for."""
    scheme, _, path = uri.rpartition("://")
    if scheme not in ("", "file", "local"):
        return
    try:
        with open_file(Path(path)):
            pass
    except UnreadableMedia as exc:
        raise UnreadableMedia(f"{uri}: there is no file that can be read: {exc}") from exc


def figures(kind: str, digest: str, store: MediaStore) -> dict[str, Any]:
    """Return width_px, height_px, fps, frames, duration_s and codec of a stored medium, its digest checked.

    Errors: UnreadableMedia when the store lacks it, its bytes were changed, or they cannot be decoded.
    """
    path = checked(digest, store)
    if kind == "keypoints":
        return _keypoint_figures(path)
    from posemill.video.sandboxed import probe_sandboxed

    try:
        properties = asdict(probe_sandboxed(path))
    except UnreadableMedia as exc:
        raise UnreadableMedia(str(exc).replace(path.name, "the file")) from exc  # in the store its name is its digest
    return {name: properties[name] for name in _FIGURES}


def checked(digest: str, store: MediaStore) -> Path:
    """Return the stored file, its digest checked. Errors: UnreadableMedia when it is absent or was changed."""
    try:
        return store.fetch(digest, verify=True)
    except InputError as exc:
        raise UnreadableMedia(str(exc)) from exc


def _keypoint_figures(path: Path) -> dict[str, Any]:
    try:
        tracks = read_medium(path)
    except InputError as exc:
        raise UnreadableMedia(str(exc).replace(str(path), "the file")) from exc
    if not tracks.frames or not tracks.duration_s:
        raise UnreadableMedia("the file holds no frame")
    return {
        "width_px": tracks.width_px,
        "height_px": tracks.height_px,
        "fps": tracks.frames / tracks.duration_s,
        "frames": tracks.frames,
        "duration_s": tracks.duration_s,
        "codec": None,
    }
