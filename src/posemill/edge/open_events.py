"""Events that have begun and not ended, kept on disk: after a crash they are ended, and none stays on for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from posemill.atomic import write_bytes
from posemill.edge.message import EdgeEvent, EdgeMessage

BEGINS = {"began": "ended", "entered": "left", "lost": "recovered", "frozen": "recovered"} | {
    "covered": "recovered",
    "turned": "recovered",
}
REASON = "the runtime was stopped"


class OpenEvents:
    """The open events of all sources, in a file.

    Args:
        path: JSON; a damaged one counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[str, EdgeMessage] = _read(path)

    def take(self, message: EdgeMessage) -> None:
        """Keep the beginning of something, before it is sent; forget it with its end, after that was sent."""
        key = _key(message)
        if message.event.kind in BEGINS:
            self._open[key] = message
        elif self._open.pop(key, None) is None:
            return
        write_bytes(self._path, json.dumps([m.encoded().decode() for m in self._open.values()]).encode())

    def leftovers(self, clock: Callable[[], float]) -> list[EdgeMessage]:
        """Return the ends of what the last run left open. Their times are those of that run."""
        return [EdgeMessage.of(_end(m.event), m.source, clock) for m in self._open.values()]


def _key(message: EdgeMessage) -> str:
    event = message.event
    about = event.details.get("activity_id") or event.details.get("zone") or event.details.get("fault")
    return f"{message.source}/{event.application}/{event.person}/{about}"


def _end(event: EdgeEvent) -> EdgeEvent:
    about = event.details.get("activity") or event.details.get("zone") or event.details.get("fault")
    message = f"{event.application} {about}: ended, since {REASON}"
    details = event.details | {"reason": REASON}
    return replace(
        event, kind=BEGINS[event.kind], end_s=event.time_s, message=message, severity="info", details=details
    )


def _read(path: Path) -> dict[str, EdgeMessage]:
    try:
        messages = [EdgeMessage.decoded(text.encode()) for text in json.loads(path.read_bytes())]
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {_key(message): message for message in messages}
