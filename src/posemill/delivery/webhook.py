"""Signed JSON by HTTP POST."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message as Headers
from typing import IO

from posemill.delivery.receiver import Undeliverable, Undelivered

RETRY = (408, 425, 429)  # of the 4xx, those that may pass


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of `timestamp.body`, as the header X-Posemill-Signature has it.

    Examples:
        >>> signature("key", "1700000000", b"{}")[:20]
        'sha256=9d713ed406bb7'
    """
    made = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={made.hexdigest()}"


def post(
    url: str, body: bytes, message_id: str, key: str | None, timeout_s: float, clock: Callable[[], float] = time.time
) -> None:
    """POST a message. Headers: Idempotency-Key (its id), and with a key a timestamp and a signature.

    A status of 2xx is a delivery; redirections are not followed.
    Errors: Undeliverable for a status of 4xx, but for 408, 425 and 429; Undelivered for everything else.
    """
    headers, timestamp = {"Content-Type": "application/json", "Idempotency-Key": message_id}, str(int(clock()))
    if key is not None:
        headers |= {"X-Posemill-Timestamp": timestamp, "X-Posemill-Signature": signature(key, timestamp, body)}
    request = urllib.request.Request(url, body, headers, method="POST")
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=timeout_s):
            return
    except urllib.error.HTTPError as exc:
        exc.close()
        final = 400 <= exc.code < 500 and exc.code not in RETRY
        raise (Undeliverable if final else Undelivered)(f"status {exc.code}") from exc
    except (OSError, http.client.HTTPException) as exc:
        raise Undelivered(f"{type(exc).__name__}: {exc}") from exc


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Headers, newurl: str
    ) -> None:
        """Follow nothing: the receiver that was named is the one that is trusted."""
