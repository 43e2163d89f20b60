"""The base of every channel."""

from __future__ import annotations

from abc import abstractmethod

from pydantic import BaseModel, ConfigDict, Field

from posemill.applications.channels.message import Message
from posemill.applications.protocol import Severity


class Channel(BaseModel):
    """A way to a receiver.

    name        in logs and the spool; unique among the channels of a file.
    severities  of the events that are sent.
    kinds       of events; None = all of these severities.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[\w-]{1,60}$")
    severities: tuple[Severity, ...] = (Severity.WARNING, Severity.ALARM)
    kinds: tuple[str, ...] | None = None

    def wants(self, message: Message) -> bool:
        """True if the channel sends this event."""
        event = message.event
        return event.severity in self.severities and (self.kinds is None or event.kind in self.kinds)

    @abstractmethod
    def send(self, message: Message) -> None:
        """Deliver a message. Errors: Undelivered, Undeliverable."""
