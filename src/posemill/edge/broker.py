"""MQTT broker: events, each exactly once while both ends live, and retained state topics that are cleared when over.

    <prefix>/availability                      online, offline (the broker says so when the runtime dies)
    <prefix>/health                            the newest health report; retained
    <prefix>/<source>/events/<application>/<kind>    an event, not retained, quality of service 2
    <prefix>/<source>/camera                   running, lost, frozen ...; retained
    <prefix>/<source>/person/<number>/activity retained while it lasts
    <prefix>/<source>/zone/<name>              people in it; retained while there are any

What a killed runtime left retained is cleared by the next one, so that no state stays on.
"""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

from posemill.atomic import write_text
from posemill.delivery.receiver import Undelivered
from posemill.delivery.secret import secret
from posemill.edge.config import MqttConfig
from posemill.edge.message import EdgeMessage

SEND_S = 10.0  # for the broker's acknowledgement
_log = logging.getLogger("posemill.edge")


class Broker:
    """A connection that is kept and, when lost, made again; a Receiver of events.

    Args:
        config: of the broker.
        topics: file with the topics that are retained, which outlives a crash.
    """

    name = "mqtt"

    def __init__(self, config: MqttConfig, topics: Path) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._config, self._file = config, topics
        self._states: dict[str, str] = {}
        self._retained = _read(topics)  # what the broker may hold, also from a run before
        self._clearing: dict[str, Any] = {}
        self._pending: dict[str, Any] = {}
        self._lock, self._connected, self._told = threading.Lock(), threading.Event(), ""
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=config.client_id, clean_session=False)
        if config.user is not None:
            self._client.username_pw_set(config.user, secret(config.password_env, "mqtt"))
        if config.tls:
            self._client.tls_set()
        self._client.will_set(self._availability, "offline", qos=1, retain=True)
        self._client.reconnect_delay_set(1, 8)
        self._client.on_connect, self._client.on_disconnect = self._on_connect, self._on_disconnect

    @property
    def status(self) -> str:
        """`connected`, or why not."""
        return "connected" if self._connected.is_set() else self._told or "connecting"

    def start(self) -> None:
        """Begin to connect; a broker that is away is tried again."""
        self._client.connect_async(self._config.host, self._config.port, self._config.keepalive_s)
        self._client.loop_start()

    def stop(self, patience_s: float = 3.0) -> None:
        """Clear every state, say `offline`, and disconnect."""
        if self._connected.is_set():
            with self._lock:
                self._states.clear()
                sent = [self._client.publish(topic, "", qos=1, retain=True) for topic in self._retained]
            sent.append(self._client.publish(self._availability, "offline", qos=1, retain=True))
            for each in sent:
                each.wait_for_publish(patience_s)
            if all(each.is_published() for each in sent):
                self._file.unlink(missing_ok=True)
        self._client.disconnect()
        self._client.loop_stop()

    def wants(self, message: EdgeMessage) -> bool:
        """See Receiver: everything but health, which is a state: old health is of no use to anybody."""
        return message.event.kind != "health"

    def send(self, message: EdgeMessage) -> None:
        """Deliver an event. A message whose acknowledgement is awaited is not given to the client twice."""
        info = self._pending.get(message.id)
        if info is None:
            if not self._connected.is_set():
                raise Undelivered(f"the broker {self._config.host}:{self._config.port} is away ({self.status})")
            event = message.event
            topic = f"{self._config.prefix}/{message.source}/events/{event.application}/{event.kind}"
            info = self._pending[message.id] = self._client.publish(topic, message.encoded(), qos=2)
        try:
            info.wait_for_publish(SEND_S)
        except (RuntimeError, ValueError) as exc:
            del self._pending[message.id]
            raise Undelivered(str(exc)) from exc
        if not info.is_published():
            raise Undelivered("the broker has not acknowledged it yet")
        del self._pending[message.id]

    def state(self, topic: str, value: Any | None) -> None:
        """Set a retained state, below the prefix; None clears it. The newest counts, whenever the broker is there."""
        topic = f"{self._config.prefix}/{topic}"
        with self._lock:
            if value is None:
                if self._states.pop(topic, None) is not None and self._connected.is_set():
                    self._clear(topic)
                return
            self._states[topic] = json.dumps(value)
            self._clearing.pop(topic, None)
            self._remember(topic)
            if self._connected.is_set():
                self._client.publish(topic, self._states[topic], qos=1, retain=True)

    def _clear(self, topic: str) -> None:
        self._clearing[topic] = self._client.publish(topic, "", qos=1, retain=True)

    def _remember(self, topic: str) -> None:
        """Note that the broker may hold a topic, before it does; forget those that were cleared."""
        cleared = {each for each, info in self._clearing.items() if info.is_published()}
        self._clearing = {each: info for each, info in self._clearing.items() if each not in cleared}
        if topic not in self._retained or cleared:
            self._retained = (self._retained - cleared) | {topic}
            write_text(self._file, json.dumps(sorted(self._retained)))

    @property
    def _availability(self) -> str:
        return f"{self._config.prefix}/availability"

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any) -> None:
        if reason_code.is_failure:
            self._tell(f"it refuses the connection ({reason_code}): check [mqtt] user and password_env")
            return
        client.publish(self._availability, "online", qos=1, retain=True)
        with self._lock:
            for topic in self._retained - self._states.keys():
                self._clear(topic)
            for topic, payload in self._states.items():
                client.publish(topic, payload, qos=1, retain=True)
            self._connected.set()
        self._told = ""

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any) -> None:
        self._connected.clear()
        if not self._told:
            self._tell(f"the connection was lost ({reason_code})")

    def _tell(self, reason: str) -> None:
        if reason != self._told:
            self._told = reason
            _log.warning("broker %s:%s: %s; events are kept until it is there", *self._address, reason)

    @property
    def _address(self) -> tuple[str, int]:
        return self._config.host, self._config.port


def _read(path: Path) -> set[str]:
    try:
        return {topic for topic in json.loads(path.read_text()) if isinstance(topic, str)}
    except (OSError, ValueError, TypeError):
        return set()
