"""Dispatcher: sends events to channels in the background, and tries again until they are delivered."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posemill.applications.channels.channel import Channel
from posemill.applications.channels.message import Message
from posemill.applications.protocol import Event
from posemill.delivery.dispatcher import Dispatcher


class EventDispatcher(Dispatcher[Message]):
    """Events to channels, for the length of a `with`; see posemill.delivery.dispatcher.

    Args:
        channels: where to.
        folder: for what is not delivered yet, a folder a channel.
        **patience: further arguments of Dispatcher.
    """

    def __init__(self, channels: Sequence[Channel], folder: Path, **patience: Any) -> None:
        super().__init__(channels, folder, Message.model_validate_json, **patience)

    def send_event(self, event: Event, source: str) -> None:
        """Pass an event to the channels that want it."""
        self.send(Message.of(event, source))
