"""Events of the edge runtime: JSON objects of the same form as those of applications."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

INFO, WARNING, ALARM = "info", "warning", "alarm"


@dataclass(frozen=True, slots=True)
class EdgeEvent:
    """Something that happened at a source.

    application  `activity`, `zone`, `camera`, `runtime`, or the name of an application.
    kind         such as `began`, `held`, `ended`; `entered`, `left`; `lost`, `recovered`; `health`.
    person       number of the person; None = of the whole scene.
    time_s       when it was reported, seconds from the source's first frame.
    start_s, end_s  what it is about; end_s None = not ended.
    message      one sentence for people.
    details      further values by name, with units in the names.
    """

    application: str
    kind: str
    person: int | None
    time_s: float
    start_s: float
    message: str
    end_s: float | None = None
    severity: str = INFO
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EdgeMessage:
    """An event on its way: id (equal for every attempt), source, time, event. See delivery.receiver.Message."""

    id: str
    source: str
    sent_at: float
    event: EdgeEvent

    @classmethod
    def of(cls, event: EdgeEvent, source: str, clock: Callable[[], float] = time.time) -> EdgeMessage:
        """Make the message of an event that was reported now."""
        return cls(uuid.uuid4().hex, source, clock(), event)

    def encoded(self) -> bytes:
        """Return the message as JSON: id, source, sent_at and event, as applications send theirs."""
        return json.dumps(asdict(self), allow_nan=False).encode()

    @classmethod
    def decoded(cls, content: bytes) -> EdgeMessage:
        """Read what `encoded` wrote. Errors: ValueError for anything else."""
        try:
            fields = json.loads(content)
            return cls(fields["id"], fields["source"], fields["sent_at"], EdgeEvent(**fields["event"]))
        except (KeyError, TypeError) as exc:
            raise ValueError(f"this is no message: {exc!r}") from exc
