"""Receivers of events on loopback: an HTTP server that keeps what comes, and a real MQTT broker."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class HookReceiver:
    """Answers with `status`; keeps bodies and headers of what it took with 2xx."""

    def __init__(self) -> None:
        self.status = 204
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status < 300:
                    receiver.bodies.append(body)
                    receiver.headers.append({k.lower(): v for k, v in self.headers.items()})
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/events"


@pytest.fixture
def hook_receiver() -> Iterator[HookReceiver]:
    made = HookReceiver()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


class Mosquitto:
    """The broker of Debian's packages; it may be stopped and started again."""

    def __init__(self, folder: Path, users: dict[str, str] | None = None) -> None:
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            assert not os.environ.get("MOSQUITTO_REQUIRED"), "no mosquitto"
            pytest.skip("no mosquitto: tools/test_tools.sh mosquitto installs it")
        self.port, self._program = free_port(), program
        self._config = folder / "mosquitto.conf"
        text = f"listener {self.port} 127.0.0.1\nallow_anonymous {'false' if users else 'true'}\n"
        text += f"persistence true\npersistence_location {folder}/\nautosave_on_changes true\nautosave_interval 1\n"
        if users:
            passwords = folder / "passwords"
            passwords.touch(0o600)
            for name, word in users.items():
                subprocess.run(["mosquitto_passwd", "-b", str(passwords), name, word], check=True, capture_output=True)
            text += f"password_file {passwords}\n"
        self._config.write_text(text + "user root\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen([self._program, "-c", str(self._config)], stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise RuntimeError("mosquitto did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


class Subscriber:
    """A client that keeps every message of a broker, with quality of service 2."""

    def __init__(self, port: int, name: str = "watcher", **login: str) -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: list[tuple[str, bytes, bool]] = []
        self._ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        if login:
            self.client.username_pw_set(login["user"], login["password"])
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=2)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = lambda _c, _u, m: self.messages.append((m.topic, m.payload, m.retain))
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(60)

    def of(self, part: str) -> list[bytes]:
        return [payload for topic, payload, _ in self.messages if part in topic]

    def newest(self) -> dict[str, bytes]:
        return {topic: payload for topic, payload, _ in self.messages}

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
