"""Alerts about posemill itself, by the channels of events: a failed flow, drift."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from posemill.applications.channels.channel import Channel
from posemill.applications.channels.dispatcher import EventDispatcher
from posemill.applications.channels.message import Message
from posemill.applications.protocol import Event, Severity

APPLICATION = "operations"  # the source of alerts, where events of applications have their name
SOURCE = "posemill"


def send_alert(channels: Sequence[Channel], spool: Path, kind: str, message: str, patience_s: float = 60.0) -> int:
    """Send an alert and wait until it is delivered; return to how many channels it goes.

    spool       folder for what is not delivered in `patience_s`; the next alert sends that too.
    """
    event = Event(
        application=APPLICATION,
        kind=kind,
        person=None,
        time_s=0.0,
        start_s=0.0,
        severity=Severity.ALARM,
        message=message,
        details={"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
    )
    wanted = [channel for channel in channels if channel.wants(Message.of(event, SOURCE))]
    with EventDispatcher(channels, spool, patience_s=patience_s) as dispatcher:
        dispatcher.send_event(event, SOURCE)
    return len(wanted)
