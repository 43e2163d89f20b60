"""How the client talks: one request a connection, files sent and stored piece by piece, errors as posemill's own."""

from __future__ import annotations

import http.client
import json
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from posemill.errors import InputError, PosemillError, Unavailable

CHUNK = 2**20
Body = bytes | Iterator[bytes] | None


class Connection:
    """To a running service at `url`. `key` is the API key, where the service wants one."""

    def __init__(self, url: str, timeout_s: float = 900.0, key: str | None = None) -> None:
        self.url, self.timeout_s = url.rstrip("/"), timeout_s
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def ready(self) -> bool:
        """Whether the service answers /readyz with 200 now."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def get(self, route: str) -> Any:
        """Get JSON."""
        return self.send("GET", route)

    def post(self, route: str, body: Any) -> Any:
        """Send JSON, get JSON."""
        return self.send("POST", route, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def send_file(self, route: str, field: str, path: Path, fields: Mapping[str, str]) -> Any:
        """Send a form with a file, get JSON. The file is sent piece by piece, so its size does not matter here."""
        boundary = uuid.uuid4().hex
        head, tail = _form(field, path.name, fields, boundary)
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        return self.send("POST", route, _pieces(head, path, tail), headers)

    def send(self, method: str, route: str, body: Body = None, headers: Mapping[str, str] | None = None) -> Any:
        """Get JSON. Errors: see Client."""
        with self._answered(method, route, body, headers or {}) as answer:
            return _read(answer.status, answer.read().decode(errors="replace"), self.url + route)

    def fetch(self, route: str, path: Path) -> Path:
        """Store what the service answers. Errors: see Client; then there is no file."""
        with self._answered("GET", route, None, {}) as answer:
            if answer.status != 200:
                _read(answer.status, answer.read().decode(errors="replace"), self.url + route)
                raise PosemillError(f"{self.url}{route} answered {answer.status} instead of a file")
            part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
            try:
                with part.open("wb") as file:
                    while piece := answer.read(CHUNK):
                        file.write(piece)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return path

    @contextmanager
    def _answered(
        self, method: str, route: str, body: Body, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.netloc, timeout=self.timeout_s)
        try:
            try:
                connection.request(method, parts.path + route, body, self.headers | dict(headers))
            except (BrokenPipeError, ConnectionResetError):
                if body is None:
                    raise
            yield connection.getresponse()  # a service may refuse a body before it has all of it, and says why
        except (OSError, http.client.HTTPException) as exc:
            raise Unavailable(f"no service at {self.url} ({exc!r}): start one with `posemill serve`") from exc
        finally:
            connection.close()


def _read(status: int, text: str, address: str) -> Any:
    try:
        body = json.loads(text)
    except ValueError:
        raise PosemillError(f"{address} answered {status} without JSON: is this a posemill service?") from None
    if status < 400:
        return body
    says = body.get("error", text) if isinstance(body, dict) else text
    if status in (429, 503):
        raise Unavailable(f"{address} cannot answer now: {says}")
    how = " (here: POSEMILL_KEY, or `key` of the client)" if status == 401 else ""
    raise (InputError if status < 500 else PosemillError)(f"{address} answered {status}: {says}{how}")


def _form(field: str, name: str, fields: Mapping[str, str], boundary: str) -> tuple[bytes, bytes]:
    """What comes before and after the file."""
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    )
    safe = name.replace('"', "_").replace("\r", "_").replace("\n", "_")
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{safe}"\r\n\r\n'
    return head.encode(), f"\r\n--{boundary}--\r\n".encode()


def _pieces(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece
    yield tail
