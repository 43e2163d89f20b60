"""Message of a channel: an event with its source and an id that receivers use to drop repetitions."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict

from pydantic import BaseModel, ConfigDict

from posemill.applications.protocol import Event


class Message(BaseModel):
    """An event on its way.

    id       equal for every attempt at the same event.
    source   name of the file or camera.
    sent_at  seconds since 1970, when the event was reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source: str
    sent_at: float
    event: Event

    @classmethod
    def of(cls, event: Event, source: str, clock: Callable[[], float] = time.time) -> Message:
        """Make the message of an event that was reported now."""
        sent_at = clock()
        content = json.dumps([source, sent_at, asdict(event)], sort_keys=True)
        return cls(id=hashlib.sha256(content.encode()).hexdigest()[:32], source=source, sent_at=sent_at, event=event)

    def encoded(self) -> bytes:
        """Return the message as JSON."""
        return self.model_dump_json().encode()

    @property
    def subject(self) -> str:
        """One line for people."""
        return f"{self.event.severity.upper()}: {self.event.message} ({self.source})"
