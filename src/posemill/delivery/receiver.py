"""The protocols of messages and receivers, and the two kinds of failure."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Undeliverable(Exception):
    """The receiver refused the message for good: trying again would not help."""


class Undelivered(Exception):
    """The receiver was away or busy: try again later."""


class Message(Protocol):
    """Something that is sent."""

    @property
    def id(self) -> str:
        """Identifier, equal for every attempt, by which a receiver drops a repeat; letters, digits and hyphens."""
        ...

    @property
    def sent_at(self) -> float:
        """Seconds since 1970 when it was first sent; messages are delivered in this order."""
        ...

    def encoded(self) -> bytes:
        """Return the message as the bytes that the spool keeps."""
        ...


M = TypeVar("M", bound=Message)
M_contra = TypeVar("M_contra", bound=Message, contravariant=True)


class Receiver(Protocol[M_contra]):
    """A way to whoever gets the messages."""

    @property
    def name(self) -> str:
        """Name in logs and of the spool's folder; unique among the receivers of a dispatcher."""
        ...

    def wants(self, message: M_contra) -> bool:
        """Return True if this receiver gets the message."""
        ...

    def send(self, message: M_contra) -> None:
        """Deliver a message. Errors: Undelivered, Undeliverable."""
        ...
