"""A folder of files kept from the last run: what a run did not use is removed at its end."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any


class KeptFiles:
    """Files in a folder, which need not be there.

    used  names of those that this run found or wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.used = folder, set[str]()

    def prune(self) -> None:
        """Remove what this run did not use, so that the folder is never larger than what one run needs."""
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                if path.name not in self.used:
                    with suppress(OSError):
                        path.unlink()


def shard_key(version: str, shard: Path, *decides: Any) -> str:
    """Return the key of what is made of a shard: a digest of the code's version, the file, and what else decides."""
    with shard.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dumps([version, content, *decides]).encode()).hexdigest()
