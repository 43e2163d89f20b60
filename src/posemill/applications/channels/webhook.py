"""Webhook: events as signed JSON by HTTP POST."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Literal

from pydantic import Field

from posemill.applications.channels.channel import Channel, Undeliverable, Undelivered, secret
from posemill.applications.channels.message import Message

RETRY = (408, 425, 429)  # of the 4xx, those that may pass


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of `timestamp.body`, as the header X-Posemill-Signature has it.

    Examples:
        >>> signature("key", "1700000000", b"{}")[:20]
        'sha256=9d713ed406bb7'
    """
    made = hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={made.hexdigest()}"


class Webhook(Channel):
    """POST of a message as JSON. Headers: Idempotency-Key (its id), and with a key a timestamp and a signature.

    secret_env  environment variable with the key of the signature; None = unsigned.
    """

    kind: Literal["webhook"] = "webhook"
    url: str = Field(pattern=r"^https?://")
    secret_env: str | None = None
    timeout_s: float = Field(default=10.0, gt=0)

    def send(self, message: Message) -> None:
        """See Channel. A status of 2xx is a delivery; 4xx is final, but for 408, 425 and 429."""
        import httpx

        body, timestamp = message.model_dump_json().encode(), str(int(time.time()))
        headers = {"Content-Type": "application/json", "Idempotency-Key": message.id}
        if (key := secret(self.secret_env, f"channel {self.name}")) is not None:
            headers |= {"X-Posemill-Timestamp": timestamp, "X-Posemill-Signature": signature(key, timestamp, body)}
        try:
            answer = httpx.post(self.url, content=body, headers=headers, timeout=self.timeout_s)
        except httpx.HTTPError as exc:
            raise Undelivered(f"{type(exc).__name__}: {exc}") from exc
        if 400 <= answer.status_code < 500 and answer.status_code not in RETRY:
            raise Undeliverable(f"status {answer.status_code}")
        if not answer.is_success:
            raise Undelivered(f"status {answer.status_code}")
