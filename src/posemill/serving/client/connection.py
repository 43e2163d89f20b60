"""HTTP of the client: files are sent and stored in chunks, and errors of the service become posemill's own."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from posemill.atomic import atomic_path
from posemill.errors import InputError, PosemillError, Unavailable
from posemill.telemetry import trace


class Connection:
    """Connection to a running service at `url`. `key` is the API key, where the service wants one.

    Safe to use from several threads. No connection is kept between requests, so there is nothing to close.
    """

    def __init__(self, url: str, timeout_s: float = 900.0, key: str | None = None) -> None:
        self.url, self.timeout_s = url.rstrip("/"), timeout_s
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ready(self) -> bool:
        """Return True if the service answers /readyz with 200 now."""
        try:
            return self._http.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except (httpx.HTTPError, httpx.InvalidURL):
            return False

    def get(self, route: str) -> Any:
        """Get JSON."""
        return self.send("GET", route)

    def post(self, route: str, content: Any) -> Any:
        """Send JSON, get JSON."""
        return self.send("POST", route, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def send_file(self, route: str, field: str, path: Path, fields: Mapping[str, str]) -> Any:
        """Send a form with a file, get JSON. The file is sent in chunks, so its size does not matter here."""
        with path.open("rb") as file:
            return self.send("POST", route, files={field: (_quotable(path.name), file)}, data=dict(fields))

    def send(
        self,
        method: str,
        route: str,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **form: Any,
    ) -> Any:
        """Get JSON. Errors: see Client."""
        with self._answered(method, route, content=content, headers=headers, **form) as answer:
            return _read(answer.status_code, answer.read().decode(errors="replace"), self.url + route)

    def fetch(self, route: str, path: Path) -> Path:
        """Store a file that the service answers. Errors: see Client; then there is no file."""
        with self._answered("GET", route) as answer:
            if answer.status_code != 200:
                _read(answer.status_code, answer.read().decode(errors="replace"), self.url + route)
                raise PosemillError(f"{self.url}{route} answered {answer.status_code} instead of a file")
            with atomic_path(path) as part, part.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        return path

    @cached_property
    def _http(self) -> httpx.Client:
        verify: ssl.SSLContext | bool = ssl.create_default_context() if self.url.startswith("https:") else False
        return httpx.Client(
            headers=self.headers,
            timeout=self.timeout_s,
            trust_env=False,  # no proxy, as the live connection
            verify=verify,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    @contextmanager
    def _answered(self, method: str, route: str, **options: Any) -> Iterator[httpx.Response]:
        try:
            headers = {**(options.pop("headers", None) or {}), **trace.headers()}
            with self._http.stream(method, self.url + route, headers=headers, **options) as answer:
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise Unavailable(f"no service at {self.url} ({exc!r}): start one with `posemill serve`") from exc


def _quotable(name: str) -> str:
    """Return a file's name without characters that a form would have to escape."""
    return name.replace('"', "_").replace("\r", "_").replace("\n", "_")


def _read(status: int, text: str, address: str) -> Any:
    try:
        content = json.loads(text)
    except ValueError:
        raise PosemillError(f"{address} answered {status} without JSON: is this a posemill service?") from None
    if status < 400:
        return content
    sentence = content.get("error", text) if isinstance(content, dict) else text
    if status in (429, 503):
        raise Unavailable(f"{address} cannot answer now: {sentence}")
    hint = " (here: POSEMILL_KEY, or `key` of the client)" if status == 401 else ""
    raise (InputError if status < 500 else PosemillError)(f"{address} answered {status}: {sentence}{hint}")
