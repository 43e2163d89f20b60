"""Spool: messages on disk from before their first attempt until they are delivered; a crash loses none."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from posemill.applications.channels.message import Message
from posemill.atomic import write_bytes

REFUSED = "refused"


class Spool:
    """A folder of one channel: a file a message, named so that the oldest comes first. May be used by threads."""

    def __init__(self, folder: Path, most: int = 10_000) -> None:
        self._folder, self._most = folder, most
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, message: Message) -> None:
        """Keep a message; where there are too many, the oldest goes to the refused ones."""
        write_bytes(self._path(message), message.model_dump_json().encode(), durable=True)
        for path in self._files()[: -self._most]:
            self._refuse(path)

    def waiting(self) -> list[Message]:
        """Return the messages that are not delivered, oldest first. A file that is no message is set aside."""
        messages = []
        for path in self._files():
            try:
                messages.append(Message.model_validate_json(path.read_bytes()))
            except FileNotFoundError:
                continue  # delivered meanwhile
            except ValidationError:
                self._refuse(path)
        return messages

    def delivered(self, message: Message) -> None:
        """Forget a message."""
        self._path(message).unlink(missing_ok=True)

    def refused(self, message: Message) -> None:
        """Set a message aside that its receiver refused for good; its file stays for people."""
        self._refuse(self._path(message))

    def _refuse(self, path: Path) -> None:
        folder = self._folder / REFUSED
        folder.mkdir(exist_ok=True)
        path.replace(folder / path.name)

    def _path(self, message: Message) -> Path:
        return self._folder / f"{message.sent_at:017.6f}-{message.id}.json"

    def _files(self) -> list[Path]:
        # a message that is being written has a name with a dot in front, see atomic_path
        return sorted(path for path in self._folder.glob("*.json") if not path.name.startswith("."))
