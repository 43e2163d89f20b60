"""Webhook: events as signed JSON by HTTP POST."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from posemill.applications.channels.channel import Channel
from posemill.applications.channels.message import Message
from posemill.delivery.secret import secret
from posemill.delivery.webhook import post


class Webhook(Channel):
    """POST of a message as JSON; see posemill.delivery.webhook for headers and signature.

    secret_env  environment variable with the key of the signature; None = unsigned.
    """

    kind: Literal["webhook"] = "webhook"
    url: str = Field(pattern=r"^https?://")
    secret_env: str | None = None
    timeout_s: float = Field(default=10.0, gt=0)

    def send(self, message: Message) -> None:
        """See Channel. A status of 2xx is a delivery; 4xx is final, but for 408, 425 and 429."""
        key = secret(self.secret_env, f"channel {self.name}")
        post(self.url, message.encoded(), message.id, key, self.timeout_s)
