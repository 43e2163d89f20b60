"""JSON request bodies: strict (no NaN, no Infinity) and bounded, for FastAPI's routes and for raw ones."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from pydantic_core import from_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from posemill.errors import InputError

JSON = "application/json"
FIELDS = 100  # pydantic makes a fault of every field that it does not know, and a million of them take a minute


def strict_json(body: bytes) -> Any:
    """Parse JSON as its standard has it; Python's json writes NaN, and a client that sends it is told so.

    Errors: HTTPException (400) where it is none, or has too many fields.

    >>> strict_json(b'{"xy": [null]}')
    {'xy': [None]}
    """
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise HTTPException(400, "the body is JSON in UTF-16: send it in UTF-8")
    try:
        content = from_json(body.removeprefix(BOM_UTF8), allow_inf_nan=False)
    except ValueError as exc:
        says = f"the body is not JSON ({exc}); a keypoint that was not seen is null, not NaN"
        raise HTTPException(400, says) from exc
    if isinstance(content, dict) and len(content) > FIELDS:
        raise HTTPException(400, f"the body has {len(content)} fields; see /docs for those that there are")
    return content


class StrictJsonRoute(APIRoute):
    """Route whose body is strict JSON, whatever its content type says (curl -d says it is a form).

    limit_bytes  of the body, below that of the service; None = no other limit.
    """

    limit_bytes: int | None = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler: it gets a request whose JSON is parsed already."""
        handle = super().get_route_handler()

        async def handle_strict(request: Request) -> Response:
            body = await self._body(request)
            return await handle(_JsonRequest(request, body, strict_json(body)))

        return handle_strict

    async def _body(self, request: Request) -> bytes:
        if self.limit_bytes is None:
            return await request.body()
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self.limit_bytes:
                raise InputError(f"the body of {self.path} has at most {self.limit_bytes // 1024} KiB")
        return bytes(body)


class _JsonRequest(Request):
    """Request with a body that was read and parsed."""

    def __init__(self, request: Request, body: bytes, content: Any) -> None:
        headers = [header for header in request.scope["headers"] if header[0] != b"content-type"]
        super().__init__({**request.scope, "headers": [*headers, (b"content-type", JSON.encode())]}, request.receive)
        self._body, self._content = body, content

    async def json(self) -> Any:
        """The content, parsed once."""
        return self._content
