"""MQTT: events as JSON to a topic of a broker, with quality of service 1 (at least once)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from posemill.applications.channels.channel import Channel
from posemill.applications.channels.message import Message
from posemill.delivery.receiver import Undelivered
from posemill.delivery.secret import secret


class Mqtt(Channel):
    """A message to an MQTT broker, acknowledged by it.

    topic         may name {source}, {application} and {kind}.
    password_env  environment variable with the password of `user`.
    """

    kind: Literal["mqtt"] = "mqtt"
    host: str
    port: int = Field(default=1883, gt=0, lt=65536)
    topic: str = "posemill/{source}/{application}/{kind}"
    tls: bool = False
    user: str | None = None
    password_env: str | None = None
    retain: bool = False
    timeout_s: float = Field(default=10.0, gt=0)

    def send(self, message: Message) -> None:
        """See Channel."""
        from paho.mqtt import publish

        password = secret(self.password_env, f"channel {self.name}")
        encryption: Any = {} if self.tls else None  # the system's certificates
        login: Any = None if self.user is None else {"username": self.user, "password": password}
        try:
            publish.single(
                self.topic_of(message),
                message.model_dump_json(),
                qos=1,
                retain=self.retain,
                hostname=self.host,
                port=self.port,
                auth=login,
                tls=encryption,
                keepalive=max(5, int(self.timeout_s)),
            )
        except Exception as exc:  # paho raises OSError, MQTTException and ValueError alike
            raise Undelivered(f"{type(exc).__name__}: {exc}") from exc

    def topic_of(self, message: Message) -> str:
        """Return the topic of a message; wildcards and levels within names are replaced."""
        event = message.event
        names = {"source": message.source, "application": event.application, "kind": event.kind}
        clean = {name: value.translate(str.maketrans("/+#\0", "____")) for name, value in names.items()}
        return self.topic.format(**clean)
