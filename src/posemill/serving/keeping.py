"""Uploads that wait to be judged, where POSEMILL_KEEP_UPLOADS=1 asks for it; without it nothing of one stays.

An upload waits in a folder of its own until a client disagrees with its answer: then it goes into the media store,
where `posemill uat confirm` finds it. What nobody judged goes after POSEMILL_JOB_KEEP_S.
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


def wait_for_judgement(path: Path) -> None:
    """Take the file out of its place: to where it waits, or away for good. A full disk costs no answer."""
    if os.environ.get(KEEP) == "1":
        try:
            folder = _folder()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _tidy(folder)
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


def tidy_from_now_on() -> None:
    """Remove what waited long enough, also what a service before this one has left, until this process ends."""
    if os.environ.get(KEEP) == "1":
        threading.Thread(target=_tidy_on, args=(_folder(),), name="posemill-uploads", daemon=True).start()


def keep_for_good(digest: str | None) -> bool:
    """Put a waiting upload with that digest into the media store; whether there was one and it is there now."""
    if os.environ.get(KEEP) != "1" or digest is None:
        return False
    path = _folder() / digest
    if not path.is_file():
        return False
    from posemill.store.media import MediaStore

    try:
        MediaStore(Settings.from_env().store_url).put(path)
    except PosemillError as exc:
        _log.warning("a judged upload is not kept: %s", exc)
        return False
    path.unlink(missing_ok=True)
    return True


def _folder() -> Path:
    return Settings.from_env().home / "uploads"


def _tidy_on(folder: Path) -> None:
    while True:
        with suppress(OSError):  # nothing has waited yet
            _tidy(folder)
        time.sleep(min(LOOK_S, _keep_s()))


def _keep_s() -> float:
    return float(os.environ.get(KEEP_S) or 3600)


def _tidy(folder: Path) -> None:
    oldest = time.time() - _keep_s()
    for path in folder.iterdir():
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
