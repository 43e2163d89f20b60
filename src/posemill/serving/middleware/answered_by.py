"""Names the model that answered, in the header `posemill-model`, where a challenger answers some clients (canary)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from posemill.serving.context import CALLER, current_service

HEADER = b"posemill-model"


class AnsweredByMiddleware:
    """Adds the header to answers that a model made, and to the opening of a WebSocket; nothing without a canary."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan" or getattr(current_service(), "canary", None) is None:
            return await self.app(scope, receive, send)

        async def send_named(message: Message) -> None:
            caller = CALLER.get()
            tag = None if caller is None else caller.answered_by
            if message["type"] == "websocket.accept":
                tag = current_service().answering().tag
            if tag is not None and message["type"] in ("http.response.start", "websocket.accept"):
                message = {**message, "headers": [*message.get("headers", ()), (HEADER, tag.encode())]}
            await send(message)

        return await self.app(scope, receive, send_named)
