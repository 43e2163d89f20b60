"""Context of a request: the running service, the client that sent it, and when it came."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

CLIENT: ContextVar[str | None] = ContextVar("posemill_client", default=None)  # name of the key that came, if any
STARTED: ContextVar[float | None] = ContextVar("posemill_started", default=None)  # time.monotonic()


def current_service() -> Any:
    """Return the running service instance of this process (BaseActivityService, but for tests)."""
    import bentoml

    return bentoml.get_current_service()
