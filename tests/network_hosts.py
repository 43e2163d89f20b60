"""Hosts made of network namespaces: each with an address of its own, all on one bridge, none on the machine's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from object_stores import process

REPOSITORY = Path(__file__).resolve().parents[1]
NETWORK = "10.77.0"
_CONNECT = """
import socket, sys, time
until = time.monotonic() + 60
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()
        break
    except OSError:
        assert time.monotonic() < until
        time.sleep(0.1)
"""
_DATABASE = """
import json, sys
from pathlib import Path
from posemill.store.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
server.start()
server.stop()
with (server.data / "postgresql.auto.conf").open("a") as file:
    file.write("listen_addresses = '*'\\n")
with (server.data / "pg_hba.conf").open("a") as file:
    file.write(f"host all all {sys.argv[2]}.0/24 scram-sha-256\\n")
print(json.dumps([server.start(), str(server.data.parent)]), flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True)
class Host:
    """A network namespace with an address."""

    namespace: str
    address: str

    @property
    def inside(self) -> list[str]:
        """What a command begins with that is to run there; it is replaced by the command, so that its number stays."""
        return ["ip", "netns", "exec", self.namespace]

    def python(
        self, *arguments: str, env: Mapping[str, str] | None = None, limit_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run Python there to its end; it must succeed."""
        command = [*self.inside, sys.executable, *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=limit_s)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def wait_for_port(self, port: int) -> None:
        """Until something listens there."""
        self.python("-S", "-c", _CONNECT, self.address, str(port))


@contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """Hosts that reach each other, and nothing else. The test is skipped where namespaces cannot be made."""
    if os.geteuid() or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the program `ip` (package iproute2)")
    switch = f"posemill-{os.getpid()}"
    made = [Host(f"{switch}-{name}", f"{NETWORK}.{number + 1}") for number, name in enumerate(names)]
    with ExitStack() as stack:
        for namespace in (switch, *(host.namespace for host in made)):
            if subprocess.run(["ip", "netns", "add", namespace], capture_output=True).returncode:
                pytest.skip("this machine lets nobody make network namespaces")
            stack.callback(subprocess.run, ["ip", "netns", "del", namespace], check=True)
            _ip(namespace, "link set lo up")
        _ip(switch, "link add bridge type bridge")
        _ip(switch, "link set bridge up")
        for number, host in enumerate(made):
            _ip(switch, f"link add port{number} type veth peer name eth0 netns {host.namespace}")
            _ip(switch, f"link set port{number} master bridge up")
            _ip(host.namespace, f"addr add {host.address}/24 dev eth0")
            _ip(host.namespace, "link set eth0 up")
        yield made


def _ip(namespace: str, command: str) -> None:
    subprocess.run(["ip", "-n", namespace, *command.split()], check=True, capture_output=True)


@contextmanager
def database(host: Host, folder: Path, env: Mapping[str, str]) -> Iterator[str]:
    """PostgreSQL on a host, for all hosts; yields its address."""
    command = [*host.inside, sys.executable, "-c", _DATABASE, str(folder), NETWORK]
    server = subprocess.Popen(command, env=dict(env), stdin=-1, stdout=-1, text=True)
    assert server.stdout is not None
    line = server.stdout.readline()
    assert line, "PostgreSQL did not start"
    url, data = json.loads(line)
    try:
        yield str(url).replace("127.0.0.1", host.address)
    finally:
        server.communicate("", timeout=60)
        shutil.rmtree(data, ignore_errors=True)


@contextmanager
def object_store(host: Host, folder: Path, port: int = 9000) -> Iterator[dict[str, str]]:
    """Moto's S3 server on a host; yields the environment of clients."""
    command = [*host.inside, sys.executable, "-m", "moto.server", "-H", host.address, "-p", str(port)]
    with process(command, folder / "s3.log"):
        host.wait_for_port(port)
        yield {
            "AWS_ENDPOINT_URL": f"http://{host.address}:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "posemill",
            "AWS_SECRET_ACCESS_KEY": "secretOfTheTests",
        }
