"""Webhook, e-mail and MQTT against real servers on loopback."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from posemill.applications.channels.config import load_channels
from posemill.applications.channels.email import Email
from posemill.applications.channels.message import Message
from posemill.applications.channels.mqtt import Mqtt
from posemill.applications.channels.webhook import Webhook
from posemill.applications.protocol import Event, Severity
from posemill.delivery.receiver import Undeliverable, Undelivered
from posemill.errors import InputError
from waiting import until

EVENT = Event(
    application="fall",
    kind="fall",
    person=1,
    time_s=4.0,
    start_s=2.5,
    severity=Severity.ALARM,
    message="person 1 fell\nand lies on the floor",
)
MESSAGE = Message.of(EVENT, "camera 0")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Hook:
    """An HTTP server that answers with the next of `statuses`."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.came: list[tuple[dict[str, str], bytes]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.came.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(hook.statuses.pop(0) if hook.statuses else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alarms"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


def test_a_webhook_is_signed_and_can_be_checked(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_KEY", "s3cret")
    Webhook(name="w", url=hook.url, secret_env="HOOK_KEY").send(MESSAGE)
    ((headers, body),) = hook.came
    stamp = headers["x-posemill-timestamp"]
    expected = hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-posemill-signature"] == f"sha256={expected}"
    assert headers["idempotency-key"] == MESSAGE.id
    assert Message.model_validate_json(body) == MESSAGE


@pytest.mark.parametrize(("status", "error"), [(500, Undelivered), (429, Undelivered), (404, Undeliverable)])
def test_a_status_says_whether_to_try_again(hook: Hook, status: int, error: type[Exception]) -> None:
    hook.statuses = [status]
    with pytest.raises(error, match=str(status)):
        Webhook(name="w", url=hook.url).send(MESSAGE)
    assert "x-posemill-signature" not in hook.came[0][0]


def test_a_webhook_that_is_away_is_tried_again() -> None:
    with pytest.raises(Undelivered):
        Webhook(name="w", url=f"http://127.0.0.1:{free_port()}/", timeout_s=2).send(MESSAGE)


class Inbox:
    """Handler of an SMTP server."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 OK"


@pytest.fixture
def smtp() -> Iterator[tuple[Inbox, int]]:
    from aiosmtpd.controller import Controller

    inbox = Inbox()
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield inbox, controller.port
    controller.stop()


def test_an_email_says_what_happened(smtp: tuple[Inbox, int]) -> None:
    inbox, port = smtp
    channel = Email(name="m", host="127.0.0.1", port=port, security="none", sender="posemill@home", to=("ann@home",))
    channel.send(MESSAGE)
    (envelope,) = inbox.mails
    assert envelope.rcpt_tos == ["ann@home"]
    text = envelope.content.decode()
    assert "ALARM: person 1 fell and lies on the floor (camera 0)" in text.replace("\r\n ", " ")
    assert f"<{MESSAGE.id}@posemill>" in text
    mail = channel.mail(MESSAGE)
    assert isinstance(mail, EmailMessage)
    assert "2.5 s from the first frame" in mail.get_content()


def test_an_email_to_nobody_is_refused_and_a_server_that_is_away_is_tried_again(smtp: tuple[Inbox, int]) -> None:
    fields: dict[str, Any] = {"name": "m", "host": "127.0.0.1", "security": "none", "sender": "a@home"}
    with pytest.raises(Undeliverable):
        Email(**fields, port=smtp[1], to=("nobody@home",)).send(MESSAGE)
    with pytest.raises(Undelivered):
        Email(**fields, port=free_port(), to=("ann@home",)).send(MESSAGE)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    """The port of a Mosquitto."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None and not os.environ.get("MOSQUITTO_REQUIRED"):
        pytest.skip("no mosquitto: sh tools/test_tools.sh mosquitto")
    port = free_port()
    (tmp_path / "broker.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with subprocess.Popen([str(program), "-c", str(tmp_path / "broker.conf")], stderr=subprocess.DEVNULL) as running:
        until(lambda: answers(port))
        yield port
        running.terminate()


def answers(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


def test_a_broker_gets_the_event(broker: int) -> None:
    from paho.mqtt import client as paho

    came: list[tuple[str, bytes]] = []
    ready, got = threading.Event(), threading.Event()
    listener = paho.Client(paho.CallbackAPIVersion.VERSION2)
    listener.on_connect = lambda c, *_: c.subscribe("home/#", qos=1)
    listener.on_subscribe = lambda *_: ready.set()

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        came.append((message.topic, message.payload))
        got.set()

    listener.on_message = on_message
    listener.connect("127.0.0.1", broker)
    listener.loop_start()
    try:
        assert ready.wait(60)
        Mqtt(name="q", host="127.0.0.1", port=broker, topic="home/{source}/{kind}").send(MESSAGE)
        assert got.wait(60)
    finally:
        listener.disconnect()
        listener.loop_stop()
    ((topic, payload),) = came
    assert topic == "home/camera 0/fall"
    assert json.loads(payload)["id"] == MESSAGE.id


def test_a_broker_that_is_away_is_tried_again_and_names_make_no_levels() -> None:
    with pytest.raises(Undelivered):
        Mqtt(name="q", host="127.0.0.1", port=free_port()).send(MESSAGE)
    odd = MESSAGE.model_copy(update={"source": "a/b+#"})
    assert Mqtt(name="q", host="h").topic_of(odd) == "posemill/a_b__/fall/fall"


GOOD = """
channels:
  - {name: hook, kind: webhook, url: "https://example.org/a", secret_env: HOOK_KEY}
  - {name: mail, kind: email, host: mail.home, sender: a@home, to: [b@home], severities: [alarm]}
  - {name: broker, kind: mqtt, host: broker.home}
"""


def test_a_file_of_channels_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(GOOD)
    with pytest.raises(InputError, match="channel hook: the environment variable HOOK_KEY is not set"):
        load_channels(path)
    monkeypatch.setenv("HOOK_KEY", "k")
    assert [channel.name for channel in load_channels(path)] == ["hook", "mail", "broker"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("channels: []", "at least 1"),
        ("channels: [{name: a, kind: webhook, url: ftp://x}]", "url"),
        ("channels: [{name: a, kind: pigeon}]", "pigeon"),
        ("channels: [{name: a, kind: mqtt, host: h}, {name: a, kind: mqtt, host: h}]", "names of channels must differ"),
        ("a: [", "no YAML"),
    ],
)
def test_a_wrong_file_of_channels_says_where(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "channels.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        load_channels(path)
    with pytest.raises(InputError, match="there is no file"):
        load_channels(tmp_path / "other.yaml")
