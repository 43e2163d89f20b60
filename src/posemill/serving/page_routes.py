"""The UAT page: a folder of static files, nothing built, nothing fetched from elsewhere."""

from __future__ import annotations

import json
from collections.abc import MutableMapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route

PAGE = Path(str(files("posemill.serving"))) / "page"
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    # blob: is for the visitor's own file, which the browser plays before and after it is sent
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # a newer service brings a newer page at once
}


def routes() -> list[BaseRoute]:
    """/uat, its files, the skeletons it draws, and the way there from / for people. No endpoints for programs."""
    return [
        _HomeOfPeople("/", _to_page, methods=["GET"], include_in_schema=False),
        Route("/uat", _index, methods=["GET"], include_in_schema=False),
        Route("/uat/", _from_slash, methods=["GET"], include_in_schema=False),
        Route("/uat/skeletons.json", _skeletons, methods=["GET"], include_in_schema=False),
        Route("/uat/{name}", _file, methods=["GET"], include_in_schema=False),
    ]


class _HomeOfPeople(Route):
    """Matches / only where a browser asks for a page; /?api is left to BentoML's own description of the endpoints."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        """As Route, or not at all."""
        accept = dict(scope.get("headers", ())).get(b"accept", b"")
        if b"text/html" not in accept or scope.get("query_string"):
            return Match.NONE, {}
        return super().matches(scope)


async def _to_page(request: Request) -> Response:
    return RedirectResponse("uat", 307, HEADERS)


async def _from_slash(request: Request) -> Response:
    return RedirectResponse("../uat", 307, HEADERS)  # its links are relative, so that a proxy may add a prefix


async def _index(request: Request) -> Response:
    return _served("index.html")


async def _file(request: Request) -> Response:
    return _served(request.path_params["name"])


async def _skeletons(request: Request) -> Response:
    return Response(skeletons(), media_type="application/json", headers=HEADERS)


def _served(name: str) -> Response:
    known = {path.name for path in PAGE.iterdir() if path.suffix in _KINDS}
    if name not in known:  # also whatever tries to leave the folder
        return Response(status_code=404, headers=HEADERS)
    return FileResponse(PAGE / name, headers=HEADERS, media_type=_KINDS[Path(name).suffix])


def skeletons() -> str:
    """Every known skeleton as JSON: keypoint names, edges and left/right pairs, as indices into the names."""
    from posemill.pose.skeleton import SKELETONS

    return json.dumps(
        {
            s.name: {
                "keypoints": list(s.keypoints),
                "edges": s.edge_index.tolist(),
                "left": [s.index(left) for left, _ in s.pairs],
                "right": [s.index(right) for _, right in s.pairs],
            }
            for s in SKELETONS.values()
        }
    )
