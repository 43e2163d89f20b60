"""Context of a request: the running service, the client that sent it, and when it came."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

CLIENT: ContextVar[str | None] = ContextVar("posemill_client", default=None)  # name of the key that came, if any
STARTED: ContextVar[float | None] = ContextVar("posemill_started", default=None)  # time.monotonic()


@dataclass(slots=True)
class RequestCaller:
    """Sender of a request, shared by all threads and tasks that work on it.

    identity     stable name of the key, or of the address without one.
    roles        of the key or token; none without one.
    answered_by  tag of the model that made the answer; None until one has.
    """

    identity: str
    roles: tuple[str, ...] = ()
    answered_by: str | None = None


CALLER: ContextVar[RequestCaller | None] = ContextVar("posemill_caller", default=None)


def current_service() -> Any:
    """Return the running service instance of this process (BaseActivityService, but for tests)."""
    import bentoml

    return bentoml.get_current_service()
