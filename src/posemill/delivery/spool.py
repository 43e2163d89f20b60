"""Spool: messages on disk from before their first attempt until they are delivered; a crash loses none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic

from posemill.atomic import write_bytes
from posemill.delivery.receiver import M

REFUSED = "refused"


class Spool(Generic[M]):
    """A folder of one receiver: a file a message, named so that the oldest comes first. May be used by threads.

    Args:
        folder: made where it is missing.
        decode: reads what a message's `encoded` wrote; ValueError for bytes that are none.
        most: messages that are kept.
    """

    def __init__(self, folder: Path, decode: Callable[[bytes], M], most: int = 10_000) -> None:
        self._folder, self._decode, self._most = folder, decode, most
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, message: M) -> None:
        """Keep a message; where there are too many, the oldest goes to the refused ones."""
        write_bytes(self._path(message), message.encoded(), durable=True)
        for path in self._files()[: -self._most]:
            self._refuse(path)

    def waiting(self) -> list[M]:
        """Return the messages that are not delivered, oldest first. A file that is no message is set aside."""
        messages = []
        for path in self._files():
            try:
                messages.append(self._decode(path.read_bytes()))
            except FileNotFoundError:
                continue  # delivered meanwhile
            except ValueError:  # pydantic's errors are some
                self._refuse(path)
        return messages

    def __len__(self) -> int:
        """Number of messages that are not delivered."""
        return len(self._files())

    def delivered(self, message: M) -> None:
        """Forget a message."""
        self._path(message).unlink(missing_ok=True)

    def refused(self, message: M) -> None:
        """Set a message aside that its receiver refused for good; its file stays for people."""
        self._refuse(self._path(message))

    def _refuse(self, path: Path) -> None:
        folder = self._folder / REFUSED
        folder.mkdir(exist_ok=True)
        path.replace(folder / path.name)

    def _path(self, message: M) -> Path:
        return self._folder / f"{message.sent_at:017.6f}-{message.id}.json"

    def _files(self) -> list[Path]:
        # a message that is being written has a name with a dot in front, see atomic_path
        return sorted(path for path in self._folder.glob("*.json") if not path.name.startswith("."))
