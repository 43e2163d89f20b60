"""A real activity service that is attacked: by the OpenAPI schema, by hostile bodies, by slow and half-closed clients.

Slow (about a minute): what uvicorn, BentoML, zipfile and JSON make of such input shows in a real server only. One
server for all tests, with keys, a database and short limits; after every attack it has to answer as before.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from sqlalchemy import create_engine

from packaged import SPEC, some_windows, write_package
from posemill.packaging import bento
from posemill.pose.skeleton import BODY_12
from posemill.serving import npz, tensors
from posemill.serving.server import serving
from posemill.store.api_keys import create_key, revoke
from posemill.store.embedded import EmbeddedServer
from posemill.store.predictions import predictions
from waiting import until

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
SILENCE_S = 2.0
NPZ, JSON = npz.MEDIA_TYPE, "application/json"


@dataclass(frozen=True)
class Attacked:
    """The service, a key that works, one that allows three requests a minute, and the database."""

    netloc: str
    key: str
    slow_key: str
    database: str

    def send(
        self,
        body: bytes | Iterator[bytes] | None,
        route: str = "/predict_windows",
        kind: str = JSON,
        method: str = "POST",
        **headers: str,
    ) -> tuple[int, str]:
        """Status and text of an answer."""
        connection = http.client.HTTPConnection(self.netloc, timeout=60)
        sent = {"Content-Type": kind, "Authorization": f"Bearer {self.key}", **headers}
        try:
            connection.request(method, route, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def open(self, head: str, key: str | None = None) -> socket.socket:
        """A connection on which something was said."""
        host, port = self.netloc.split(":")
        connection = socket.create_connection((host, int(port)), timeout=30)
        connection.sendall(head.replace("\n", "\r\n").replace("KEY", key or self.key).encode())
        return connection

    def memory(self) -> float:
        """MiB that the service holds now."""
        found = re.search(r"^process_resident_memory_bytes (\S+)", self.send(None, "/metrics", method="GET")[1], re.M)
        assert found
        return float(found[1]) / 2**20


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, postgres_server: EmbeddedServer) -> Iterator[Attacked]:
    root, url = tmp_path_factory.mktemp("attacked"), str(postgres_server.url())
    admin = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE attacked TEMPLATE posemill")
    database = f"{url.rsplit('/', 1)[0]}/attacked"
    engine = create_engine(database.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        key = create_key(connection, "acme", role="admin", added_by="test")
        slow = create_key(connection, "slow", per_minute=3, added_by="test")
    engine.dispose()
    write_package(root / "package")
    limits = {
        "POSEMILL_DATABASE_URL": database,
        "POSEMILL_REQUIRE_KEYS": "1",
        "POSEMILL_REQUESTS_PER_MINUTE": "0",
        "POSEMILL_SILENCE_S": str(SILENCE_S),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        tags = bento.build(root / "package", REPOSITORY, root / "home")
        with serving(tags["activity"], bento.environment(root / "home") | limits) as running:
            yield Attacked(urlsplit(running.url).netloc, key, slow, database)
    with admin.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE attacked WITH (FORCE)")
    admin.dispose()


@pytest.fixture(autouse=True)
def _still_answers(attacked: Attacked) -> Iterator[None]:
    yield
    body = npz.write({"windows": some_windows(2)})
    assert attacked.send(body, kind=NPZ)[0] == 200
    assert attacked.memory() < 1500


def refused(answer: tuple[int, str], *statuses: int) -> str:
    """The sentence of a refusal, which is all of the answer."""
    status, text = answer
    assert status in statuses, answer
    said = json.loads(text)
    assert list(said) == ["error"]
    assert not re.search(r"Traceback|File \"|site-packages|/src/|\.py\b", said["error"]), said
    assert 10 < len(said["error"]) < 600, said
    return str(said["error"])


def test_the_schema_finds_nothing(attacked: Attacked, tmp_path: Path) -> None:
    """What fits the schema but not the model, such as another number of poses, is a 422."""
    (tmp_path / "schemathesis.toml").write_text(
        '[checks.positive_data_acceptance]\nexpected-statuses = ["2xx", "401", "404", "422", "5xx"]\n'
    )
    command = [
        str(Path(sys.executable).with_name("st")),
        "--config-file",
        "schemathesis.toml",
        "run",
        f"http://{attacked.netloc}/docs.json",
        "-H",
        f"Authorization: Bearer {attacked.key}",
        "--max-examples",
        "25",
        "--request-timeout",
        "30",
        "--no-color",
        "--generation-deterministic",
        "--suppress-health-check",
        "all",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert re.search(r"[1-9]\d\d+ generated, \d+ passed", done.stdout), done.stdout[-600:]


def packed(array: bytes, name: str = "windows.npy", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, array)
    return out.getvalue()


def npy(shape: str, dtype: str = "<f4", content: bytes = b"") -> bytes:
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def of(value: float, channel: int = 0) -> bytes:
    windows = some_windows(2)
    windows[1, 3, 5, channel] = value
    return npz.write({"windows": windows})


WHOLE = npz.write({"windows": some_windows(2)})
SHAPE = f"(2, {SPEC.frames}, {len(BODY_12)}, 3)"
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "a bomb of a gigabyte": lambda: packed(npy("(1, 1)") + bytes(2**30)),
    "a bomb that lies about its size": lambda: packed(npy(SHAPE) + bytes(10**8)).replace(
        struct.pack("<I", 10**8 + len(npy(SHAPE))), struct.pack("<I", 100)
    ),
    "a shape of petabytes": lambda: packed(npy("(1000000, 1000000, 12, 3)")),
    "a shape beyond all integers": lambda: packed(npy(f"({'9' * 40}, 1)")),
    "a negative shape": lambda: packed(npy("(-1, 12, 12, 3)")),
    "a shape of nested code": lambda: packed(npy("__import__('os').getpid()")),
    "a header without end": lambda: packed(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b"{" * 10**6),
    "pickled objects": lambda: packed(npy("(1,)", "|O", b"cos\nsystem\n(S'true'\ntR.")),
    "other numbers": lambda: npz.write({"windows": some_windows(2).astype(np.complex64)}),
    "a million files": lambda: b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 2**31, 0, 0),
    "an archive in an archive": lambda: packed(packed(WHOLE)),
    "another name": lambda: npz.write({"tracks": some_windows(2)}),
    "no archive": lambda: b"PK\x03\x04" + bytes(5000),
    "nothing": lambda: b"",
    "cut off": lambda: WHOLE[: len(WHOLE) // 2],
    "without its beginning": lambda: WHOLE[200:],
    "a broken checksum": lambda: WHOLE[:400] + bytes([WHOLE[400] ^ 255]) + WHOLE[401:],
    "infinity": lambda: of(np.inf),
    "a huge number": lambda: of(3e38),
    "half a keypoint": lambda: of(np.nan),
    "a confidence of 2": lambda: of(2.0, 2),
    "a confidence of NaN": lambda: of(np.nan, 2),
    "too many axes": lambda: npz.write({"windows": some_windows(2)[None]}),
    "no windows": lambda: npz.write({"windows": some_windows(2)[:0]}),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_hostile_archives(attacked: Attacked, name: str) -> None:
    refused(attacked.send(ARCHIVES[name](), kind=NPZ), 400, 413, 422)


SAFE = tensors.write({"windows": some_windows(2)})
TENSORS: dict[str, Callable[[], bytes]] = {
    "a header of exabytes": lambda: struct.pack("<Q", 2**63) + SAFE[8:],
    "a header of megabytes": lambda: struct.pack("<Q", 10**6) + b"{" * 10**6,
    "a million tensors": lambda: tensors.write(dict.fromkeys(map(str, range(10**4)), np.zeros(0, np.float32))),
    "a shape of petabytes": lambda: SAFE.replace(b"[2,", b"[9,"),
    "overlapping bytes": lambda: SAFE.replace(b'"data_offsets":[0', b'"data_offsets":[8'),
    "other numbers": lambda: tensors.write({"windows": some_windows(2).astype(np.float64)}),
    "another name": lambda: tensors.write({"tracks": some_windows(2)}),
    "no tensor": lambda: tensors.write({}),
    "a header that is no JSON": lambda: struct.pack("<Q", 8) + b"rubbish!",
    "nothing": lambda: b"",
    "cut off": lambda: SAFE[: len(SAFE) // 2],
    "more than it says": lambda: SAFE + bytes(100),
    "infinity": lambda: tensors.write({"windows": np.full_like(some_windows(2), np.inf)}),
    "no windows": lambda: tensors.write({"windows": some_windows(2)[:0]}),
}


@pytest.mark.parametrize("name", TENSORS)
def test_hostile_tensors(attacked: Attacked, name: str) -> None:
    refused(attacked.send(TENSORS[name](), kind=tensors.MEDIA_TYPE), 400, 413, 422)


def track(**change: object) -> bytes:
    """A good request of two poses, changed."""
    body = {"keypoints": list(BODY_12.keypoints), "time_s": [0.0, 0.1], "xy": [[[1.0, 2.0]] * 12] * 2, **change}
    return json.dumps(body).encode()


TEXTS: dict[str, Callable[[], bytes]] = {
    "nested deeply": lambda: b'{"windows": ' + b"[" * 10**6,
    "nested deeply and closed": lambda: b'{"windows": ' + b"[" * 10**5 + b"]" * 10**5 + b"}",
    "deep objects": lambda: b'{"windows": ' + b'{"a":' * 10**5 + b"1" + b"}" * 10**5 + b"}",
    "thirty million lists": lambda: b'{"windows": [' + b"[]," * 10**7 + b"[]]}",
    "a number without end": lambda: b'{"windows": [[[[' + b"9" * 10**6 + b"]]]]}",
    "an exponent without end": lambda: b'{"windows": [[[[1e' + b"9" * 1000 + b"]]]]}",
    "NaN": lambda: b'{"windows": [[[[NaN, Infinity, 1]]]]}',
    "no Unicode": lambda: b'{"windows": "\xff\xfe"}',
    "half a character": lambda: b'{"windows": "\\ud800"}',
    "a null byte": lambda: b'{"wind\\u0000ows": []}',
    "a million keys": lambda: json.dumps(dict.fromkeys(map(str, range(10**6)), 0)).encode(),
    "another gzip": lambda: b"\x1f\x8b\x08\x00" + bytes(100),
    "XML": lambda: b'<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]><x>&y;</x>',
}


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_json(attacked: Attacked, name: str) -> None:
    refused(attacked.send(TEXTS[name]()), 400, 413, 422)


TRACKS: dict[str, Callable[[], bytes]] = {
    "a year between two poses": lambda: track(time_s=[0, 3.2e7]),
    "before the beginning of time": lambda: track(time_s=[-1e9, 1e9]),
    "time that stands still": lambda: track(time_s=[5, 5]),
    "time that is no number": lambda: track(time_s=["now", "later"]),
    "a hundred thousand keypoints": lambda: track(keypoints=["x"] * 10**5),
    "a name of a megabyte": lambda: track(keypoints=None, skeleton="x" * 2**20),
    "twice the same keypoint": lambda: track(keypoints=["nose"] * 12),
    "both": lambda: track(skeleton="coco-17"),
    "huge pixels": lambda: track(xy=[[[1e300, 2.0]] * 12] * 2),
    "texts as pixels": lambda: track(xy=[[["left", "right"]] * 12] * 2),
    "ground_truths as pixels": lambda: track(xy={"0": True}),
}


@pytest.mark.parametrize("name", TRACKS)
def test_hostile_tracks(attacked: Attacked, name: str) -> None:
    refused(attacked.send(TRACKS[name](), "/predict_track"), 400, 422)


@pytest.mark.parametrize("route", ["/predict_windows", "/predict_track"])
@pytest.mark.parametrize(
    "kind", ["application/vnd.bentoml+pickle", "application/x-npy", "multipart/form-data", "text/\x7f", "image/png", ""]
)
def test_other_kinds_of_content(attacked: Attacked, route: str, kind: str) -> None:
    says = refused(attacked.send(b"cos\nsystem\n(S'true'\ntR.", route, kind), 400, 415, 422)
    assert ("pickles are never loaded" in says) == ("pickle" in kind)


@pytest.mark.parametrize(
    "path",
    ["/uat/../../etc/passwd", "/uat/%2e%2e%2fgate.py", "/gallery/..%2f..%2fetc%2fpasswd", "/gallery/%00", "//etc"],
)
def test_no_path_leads_out(attacked: Attacked, path: str) -> None:
    status, text = attacked.send(None, path, method="GET")
    assert status == 404
    assert "root:" not in text


def test_a_body_without_end_is_cut(attacked: Attacked) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"[" * 2**20

    with suppress(BrokenPipeError, ConnectionResetError):  # it hung up while we were still sending: as good
        assert attacked.send(endless())[0] == 413


def last_words(connection: socket.socket) -> bytes:
    """What is said until the connection is closed."""
    with connection:
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionResetError:
            pass
        return said


HEAD = f"POST /predict_windows HTTP/1.1\nHost: x\nX-API-Key: KEY\nContent-Type: {JSON}\n"


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("", b""),
        ("POST /predict_windows HTTP/1.1\nHost: x\n", b""),
        (HEAD + "Content-Length: 100\n\n{", b"408"),
        (HEAD + "Transfer-Encoding: chunked\n\n1\n{\n", b"408"),
        (HEAD.replace("KEY", "bad") + "Content-Length: 100000\n\n{", b"401"),
        (HEAD + "Transfer-Encoding: chunked\n\nZZ\n", b"400"),
        (HEAD + "Content-Length: 5\nContent-Length: 6\n\n{}", b"400"),
        ("\x16\x03\x01\x02", b"400"),
        ("GET /" + "a" * 200_000 + " HTTP/1.1\n\n", b"400"),
    ],
)
def test_clients_that_stop_in_the_middle(attacked: Attacked, said: str, answer: bytes) -> None:
    began = time.monotonic()
    words = last_words(attacked.open(said))
    assert time.monotonic() - began < SILENCE_S + 10
    assert words[9:12] == answer, words
    assert b"Traceback" not in words


@pytest.mark.parametrize("head", ["POST /predict_windows HTTP/1.1\n", HEAD + "Content-Length: 100000\n\n{"])
def test_clients_that_drip(attacked: Attacked, head: str) -> None:
    """A header, or a byte of the body, four times a second: a connection that is never silent and never done."""
    connection, began = attacked.open(head), time.monotonic()
    with connection, suppress(OSError):  # when the service hangs up
        while time.monotonic() - began < SILENCE_S + 20:
            connection.sendall(b"X-A: b\r\n" if head.endswith("1.1\n") else b" ")
            time.sleep(0.25)
    assert time.monotonic() - began < SILENCE_S + 15


def test_half_closed_connections_hold_nothing(attacked: Attacked) -> None:
    for _ in range(50):
        connection = attacked.open(HEAD + "Content-Length: 100\n\n{")
        connection.shutdown(socket.SHUT_WR)
        assert last_words(connection)[9:12] in (b"", b"400")
    alone = "posemill_requests_in_progress 1.0"
    until(lambda: alone in attacked.send(None, "/metrics", method="GET")[1])


def test_many_idle_connections_and_the_service_still_answers(attacked: Attacked) -> None:
    began = time.monotonic()
    idle = [attacked.open("POST / HTTP/1.1\nX-") for _ in range(400)]
    assert attacked.send(WHOLE, kind=NPZ)[0] == 200
    assert time.monotonic() - began < 20
    assert [last_words(connection) for connection in idle] == [b""] * 400  # all are closed by the service


def test_keys_and_rates(attacked: Attacked) -> None:
    assert "API key" in refused(attacked.send(WHOLE, kind=NPZ, Authorization="none"), 401)
    answers = [
        attacked.send(None, "/version", method="GET", Authorization=f"Bearer {attacked.slow_key}") for _ in range(4)
    ]
    assert [status for status, _ in answers][:3] == [200] * 3
    assert "3 requests in a minute for slow" in refused(answers[3], 429)
    engine = create_engine(attacked.database.replace("postgresql://", "postgresql+psycopg2://"))
    with engine.begin() as connection:
        other = create_key(connection, "other", added_by="test")
    until(lambda: attacked.send(None, "/version", method="GET", Authorization=f"Bearer {other}")[0] == 200)
    with engine.begin() as connection:
        revoke(connection, "other", revoked_by="test")
    until(lambda: attacked.send(None, "/version", method="GET", Authorization=f"Bearer {other}")[0] == 401)
    engine.dispose()


def test_answers_are_recorded_without_pixels_and_keypoints(attacked: Attacked) -> None:
    assert attacked.send(npz.write({"windows": some_windows(16)}), kind=NPZ)[0] == 200
    assert (
        attacked.send(
            track(time_s=[i / 25 for i in range(50)], xy=[[[i, i]] * 12 for i in range(50)]), "/predict_track"
        )[0]
        == 200
    )
    engine = create_engine(attacked.database.replace("postgresql://", "postgresql+psycopg2://"))

    def newest() -> list[str]:
        with engine.connect() as connection:
            rows = predictions(connection, datetime.now(UTC) - timedelta(minutes=1))
        return [row["endpoint"] for row in rows[-2:]]

    until(lambda: newest() == ["/predict_windows", "/predict_track"])
    with engine.connect() as connection:
        windows, of_track = predictions(connection, datetime.now(UTC) - timedelta(minutes=1))[-2:]
    engine.dispose()
    assert windows["bento_tag"].startswith("posemill-activity:")
    assert re.fullmatch("[0-9a-f]{16}", windows["provenance"])
    assert (windows["client"], windows["prediction"]["windows"]) == ("acme", 16)
    assert windows["latency_ms"] > 0
    assert 0 < windows["confidence"] <= 1
    assert sorted(windows["prediction"]) == ["activities", "body_px", "keypoint_confidence", "missing", "windows"]
    assert all(len(windows["prediction"][name]) == 8 for name in ("body_px", "missing", "activities"))
    assert of_track["prediction"]["windows"] >= 1
