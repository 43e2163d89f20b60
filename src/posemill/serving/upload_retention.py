"""Upload retention: uploads wait for feedback where POSEMILL_KEEP_UPLOADS=1 asks for it; otherwise none is kept.

An upload waits in a folder of its own until a client disagrees with its answer: then it goes into the media store,
where `posemill uat confirm` finds it. Without feedback it is deleted after POSEMILL_JOB_KEEP_S.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from posemill.errors import PosemillError
from posemill.settings import Settings

KEEP, KEEP_S = "POSEMILL_KEEP_UPLOADS", "POSEMILL_JOB_KEEP_S"
LOOK_S = 60.0  # from one look for what waited long enough to the next
MOST_BYTES = 8 * 2**30  # of what waits; more is not kept
_log = logging.getLogger("posemill.serving")


def retain(path: Path) -> None:
    """Move the file to where uploads wait, or delete it. A full disk costs no answer."""
    if os.environ.get(KEEP) == "1":
        try:
            folder = _folder()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _clean_up(folder)
            if sum(p.stat().st_size for p in folder.iterdir()) + path.stat().st_size <= MOST_BYTES:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                shutil.move(path, folder / digest)
                os.utime(folder / digest)
                return
            _log.warning("an upload is not kept: %s holds %s GiB", folder, MOST_BYTES >> 30)
        except OSError as exc:
            _log.warning("an upload is not kept: %s", exc)
    path.unlink(missing_ok=True)


def start_cleanup() -> None:
    """Delete expired uploads, also those that a service before this one has left, until this process ends."""
    if os.environ.get(KEEP) == "1":
        threading.Thread(target=_clean_up_for_ever, args=(_folder(),), name="posemill-uploads", daemon=True).start()


def store_upload(digest: str | None) -> bool:
    """Move a waiting upload with that digest into the media store; True if there was one and it is there now."""
    if os.environ.get(KEEP) != "1" or digest is None:
        return False
    path = _folder() / digest
    if not path.is_file():
        return False
    from posemill.store.media import MediaStore

    try:
        MediaStore(Settings.from_env().store_url).put(path)
    except PosemillError as exc:
        _log.warning("an upload with feedback is not kept: %s", exc)
        return False
    path.unlink(missing_ok=True)
    return True


def remove_expired(home: Path, dry_run: bool = False) -> int:
    """Delete uploads that waited for feedback for longer than POSEMILL_JOB_KEEP_S; return how many.

    For a service that no longer runs; one that runs does so itself.
    """
    folder = home / "uploads"
    return _clean_up(folder, dry_run) if folder.is_dir() else 0


def _folder() -> Path:
    return Settings.from_env().home / "uploads"


def _clean_up_for_ever(folder: Path) -> None:
    while True:
        with suppress(OSError):  # nothing has waited yet
            _clean_up(folder)
        time.sleep(min(LOOK_S, _keep_s()))


def _keep_s() -> float:
    return float(os.environ.get(KEEP_S) or 3600)


def _clean_up(folder: Path, dry_run: bool = False) -> int:
    oldest, expired = time.time() - _keep_s(), 0
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                if not dry_run:
                    path.unlink()
                expired += 1
    return expired
