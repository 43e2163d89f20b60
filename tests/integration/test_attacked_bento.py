"""What is known against BentoML, tried on real services that were built from hostile packages, on every route of each.

The activity service runs with a challenger in its shadow, the analysis service with its labeller. Slow (some minutes):
whether a pickle is read, an address fetched or a Dockerfile changed shows only in real bentos.
The service's process writes down every class that a pickle names while it serves (an audit hook), and every pickle that
is sent would leave a file.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from packaged import some_windows, write_package
from posemill.errors import InputError, PosemillError
from posemill.estimation.factory import load_backend
from posemill.estimation.fingerprint import labeller
from posemill.packaging import bento
from posemill.params.label import LabelParams
from posemill.serving import npz, tensors
from posemill.serving.client import Client
from posemill.serving.kill_with_parent import with_parent
from posemill.serving.server import command, free_port, stop

pytestmark = pytest.mark.slow
REPOSITORY = Path(__file__).resolve().parents[2]
SECRET = "planted-secret-7d1f"
HOOK = """
import os, sys
def hook(event, arguments):
    if event == "pickle.find_class" and not hook.busy:
        hook.busy = True
        with open(os.environ["FOUND"], "a") as file:
            file.write(f"{os.getpid()} {arguments[0]}.{arguments[1]}\\n")
        hook.busy = False
hook.busy = False
sys.addaudithook(hook)
"""


@dataclass(frozen=True)
class Attacked:
    """A service with its folders: `left` is the file that a pickle which runs leaves behind."""

    netloc: str
    root: Path
    tag: str
    environment: dict[str, str]
    kind: str

    @property
    def log(self) -> str:
        """All that the server has printed."""
        return (self.root / "server.log").read_text(errors="replace")

    @property
    def classes_found(self) -> str:
        """What pickles named since it serves."""
        file = self.root / "found"
        return file.read_text() if file.is_file() else ""

    @property
    def left(self) -> Path:
        """What a pickle that runs leaves behind."""
        return self.root / "pickle-ran"

    @property
    def bento(self) -> Path:
        """The folder of the bento."""
        return Path(self.environment["BENTOML_HOME"], "bentos", self.tag.replace(":", "/"))

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of the answer."""
        connection = http.client.HTTPConnection(self.netloc, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def raw(self, content: bytes, wait_s: float = 1.0) -> bytes:
        """All that comes back on one connection until it is closed, or silent for a while."""
        host, port = self.netloc.split(":")
        with socket.create_connection((host, int(port)), timeout=wait_s) as connection:
            connection.sendall(content)
            said = b""
            try:
                while piece := connection.recv(65536):
                    said += piece
            except (TimeoutError, ConnectionResetError):
                pass
            return said

    def routes(self) -> list[tuple[str, str]]:
        """Every described route, those of the pages, and BentoML's own; each with every method that has a body."""
        paths = json.loads(self.send("GET", "/docs.json")[1])["paths"]
        others = ("/", "/docs", "/schema.json", "/openapi.json", "/uat", "/live-page/", "/live", "/static_content/x")
        runner = ("/predict", "/is_batchable", "/__call__", "/invoke", "/api", "/rpc", "/_serve", "/tasks/x/submit")
        filled = [re.sub(r"\{.*?\}", "x", path) for path in (*paths, *others, *runner)]
        return [(method, path) for path in filled for method in ("POST", "PUT")]


def hostile_labeller(root: Path, kind: str) -> dict[str, Any]:
    """What labeller.json of the package says: the analysis service starts with a true one only."""
    run = f'"\nRUN touch {root}/docker-ran\n#'
    if kind == "activity":
        return {"backend": "posenet", "checkpoint": run, "note": "$(touch x)"}
    labels = LabelParams(backend="posenet", long_edge_px=257, threads=1)
    return {**labeller(load_backend("posenet", labels), labels), "note": run}


@pytest.fixture(scope="module", params=["activity", "analysis"])
def attacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    root, kind = tmp_path_factory.mktemp("attacked"), request.param
    write_package(root / "package", hostile_labeller(root, kind))
    (root / "package" / "a\nRUN touch docker-ran").write_bytes(b"a file with a line of a Dockerfile as its name")
    (root / "hook").mkdir()
    (root / "hook" / "sitecustomize.py").write_text(HOOK)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        tags, environment = bento.build(root / "package", REPOSITORY, root / "home"), bento.environment(root / "home")
    for file in list((root / "home").rglob("activity.onnx")):
        (file.parent / "custom_objects.pkl").write_bytes(pickled(root / "pickle-ran"))
    port = free_port()
    environment |= {
        "FOUND": str(root / "found"),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(root / "hook"), os.environ.get("PYTHONPATH")))),
        "POSEMILL_DATABASE_URL": f"postgresql://someone:{SECRET}@127.0.0.1:1/none",
        "POSEMILL_SILENCE_S": "2",
        **({"POSEMILL_SHADOW": tags["activity"]} if kind == "activity" else {}),
    }
    with (root / "server.log").open("wb") as log:
        process = subprocess.Popen(
            with_parent(command(tags[kind], port)),
            env=environment,
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        client, until = Client(f"http://127.0.0.1:{port}"), time.monotonic() + 240
        while not client.ready() and time.monotonic() < until and process.poll() is None:
            time.sleep(0.2)
        found = root / "found"
        assert client.ready(), (root / "server.log").read_text()[-3000:]
        found.unlink(missing_ok=True)  # what BentoML reads of its own while it starts
        yield Attacked(urlsplit(client.url).netloc, root, tags[kind], environment, kind)
    finally:
        stop(process)


@pytest.fixture(autouse=True)
def _nothing_ran(attacked: Attacked) -> Iterator[None]:
    yield
    assert attacked.classes_found == ""
    assert not attacked.left.exists()
    body = tensors.write({"windows": some_windows(2)})
    assert attacked.send("POST", "/predict_windows", body, Content_Type=tensors.MEDIA_TYPE)[0] == 200


def pickled(leaves: Path) -> bytes:
    """A pickle that leaves a file where it is read."""
    return b"cos\nsystem\n(S'touch " + str(leaves).encode() + b"'\ntR."


def test_the_hook_sees_a_pickle(tmp_path: Path) -> None:
    """Else nothing below would fail."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    script = f"import pickle; pickle.loads({pickled(tmp_path / 'ran')!r})"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "FOUND": str(tmp_path / "found")}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)
    assert "system" in (tmp_path / "found").read_text()
    assert (tmp_path / "ran").exists()


KINDS = {
    "BentoML's pickles": {"Content-Type": "application/vnd.bentoml+pickle"},
    "in other letters": {"Content-Type": "Application/VND.BentoML+Pickle; charset=x"},
    "arguments of a runner": {
        "Content-Type": "application/octet-stream",
        "args-number": "1",
        "Payload-Container": "DefaultContainer",
        "Payload-Meta": '{"format": "default"}',
        "Batch-Size": "1",
    },
    "protocol 5 with buffers": {
        "Content-Type": "application/vnd.bentoml+pickle",
        "Payload-Container": "NdarrayContainer",
        "Payload-Meta": json.dumps({"format": "pickle5", "pickle_bytes_str": "Y29zCnN5c3RlbQopUi4=", "indices": [0]}),
    },
    "several payloads": {"Content-Type": "application/vnd.bentoml.multiple_outputs", "args-number": "2"},
    "NumPy's objects": {"Content-Type": "application/x-npz"},
    "as JSON": {"Content-Type": "application/json"},
    "Arrow": {"Content-Type": "application/vnd.apache.arrow.file"},
    "as a form": {"Content-Type": "multipart/form-data; boundary=x"},
    "nothing said": {"Content-Type": ""},
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_route_reads_a_pickle(attacked: Attacked, kind: str) -> None:
    """Deserialization by content type and by the headers of runners: on every route, none is read."""
    body = pickled(attacked.left)
    if kind == "as a form":
        part = (
            'Content-Disposition: form-data; name="video"; filename="a"\r\nContent-Type: application/vnd.bentoml+pickle'
        )
        body = f"--x\r\n{part}\r\n\r\n".encode() + body + b"\r\n--x--\r\n"
    if kind == "NumPy's objects":
        body = npz.write({"windows": np.zeros(1)}).replace(b"<f8", b"|O ") + pickled(attacked.left)
    for method, path in attacked.routes():
        status, said, _ = attacked.send(method, path, body, **KINDS[kind])
        assert 400 <= status < 500, (method, path, status, said[:300])


def test_the_services_have_none_of_bentomls_endpoints(attacked: Attacked) -> None:
    """So that its handler of endpoints (arguments from a request, a context among them) and its clients of runners and
    of other services are never reached; and no service is an inner one, which would read pickles."""
    script = (
        "import sys, warnings; warnings.simplefilter('ignore')\n"
        "from posemill.serving.activity import ActivityService as a\n"
        "from posemill.serving.analysis import AnalysisService as b\n"
        "print([list(s.apis) + list(s.dependencies) for s in (a, b)])\n"
        "print([m for m in sys.modules if 'runner_handle.remote' in m or m.endswith('server.runner_app')])\n"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=attacked.root
    )
    assert done.stdout.splitlines()[-2:] == ["[[], []]", "[]"]


def test_what_lies_beside_a_model_in_the_registry_is_not_run(attacked: Attacked, tmp_path: Path) -> None:
    """custom_objects.pkl is what BentoML unpickles for a model, when one is stored: such a package is refused before,
    and a service with one in its store has not run it."""
    write_package(tmp_path / "package")
    (tmp_path / "package" / "custom_objects.pkl").write_bytes(pickled(attacked.left))
    with pytest.raises(InputError, match=r"holds custom_objects\.pkl: pickles run code"):
        bento.build(tmp_path / "package", REPOSITORY, tmp_path / "home")
    stored = list(Path(attacked.environment["BENTOML_HOME"]).rglob("custom_objects.pkl"))
    assert stored
    assert all(file.read_bytes() == pickled(attacked.left) for file in stored)


def test_a_package_writes_no_line_into_the_dockerfile(attacked: Attacked, tmp_path: Path) -> None:
    """Its labeller's checkpoint and a file's name hold a line break and a RUN. A backend that is none is refused."""
    write_package(tmp_path / "package", {"backend": 'posenet"\nRUN touch docker-ran\n#'})
    with pytest.raises(PosemillError, match="unknown pose backend"):
        bento.build(tmp_path / "package", REPOSITORY, tmp_path / "home")
    recipe = (attacked.bento / "env" / "docker" / "Dockerfile").read_text()
    assert "docker-ran" not in recipe
    assert "touch" not in recipe
    for bento_yaml in attacked.bento.parent.parent.rglob("bento.yaml"):
        assert "docker-ran" not in bento_yaml.read_text()
    assert not (attacked.root / "docker-ran").exists()


def test_no_address_that_is_sent_is_fetched(attacked: Attacked) -> None:
    """SSRF: by JSON, form, text and header, to every route."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/secret"

        def listen() -> None:
            while listener.fileno() >= 0:
                try:
                    asked.append(listener.accept())
                except TimeoutError:
                    continue
                except OSError:
                    return

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        form = '--x\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n--x--\r\n'
        bodies = [(json.dumps({name: url}).encode(), "application/json") for name in ("windows", "video", "url", "xy")]
        bodies += [(form.format(n, url).encode(), "multipart/form-data; boundary=x") for n in ("video", "image", "url")]
        bodies += [(url.encode(), "text/plain"), (url.encode(), "application/octet-stream")]
        for method, path in attacked.routes():
            for body, kind in bodies:
                attacked.send(method, path, body, Content_Type=kind, Referer=url, X_Forwarded_Host=url, Origin=url)
        time.sleep(0.5)
    thread.join(5)
    assert asked == []


def test_under_a_foreign_name_nothing_but_health_is_answered(attacked: Attacked) -> None:
    """DNS rebinding, on a service without keys: also by a WebSocket, and where the name comes a second time."""
    for method, path in [*attacked.routes(), ("GET", "/uat"), ("GET", "/version"), ("GET", "/metrics")]:
        assert attacked.send(method, path, Host="rebound.example")[0] == 421, (method, path)
    assert attacked.send("GET", "/readyz", Host="rebound.example")[0] == 200
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    upgrade += b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    for hosts in (b"Host: rebound.example\r\n", b"Host: localhost\r\nHost: rebound.example\r\n"):
        said = attacked.raw(b"GET /live HTTP/1.1\r\n" + hosts + upgrade)
        assert b" 101 " not in said.partition(b"\r\n")[0], said


def test_the_challenger_is_asked_and_reads_no_pickle_either(attacked: Attacked) -> None:
    """Else the activity service would be tried without its shadow."""
    if attacked.kind == "activity":
        assert re.search(rb"^posemill_shadow_up(\{.*\})? 1", attacked.send("GET", "/metrics")[1], re.MULTILINE)


SMUGGLED = b"GET /smuggled-7d1f HTTP/1.1\r\nHost: localhost\r\n\r\n"
AMBIGUOUS = {
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
    "a length with a sign": b"Content-Length: +0\r\n\r\n",
    "a list of lengths": b"Content-Length: 0, 40\r\n\r\n",
    "a space before the colon": b"Content-Length : 40\r\n\r\n",
    "another transfer encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a size that is no number": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a size beyond 64 bits": b"Transfer-Encoding: chunked\r\n\r\n1000000000000000000\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_body_smuggles_no_request(attacked: Attacked, name: str) -> None:
    """At most one answer comes, and the connection is closed: what follows is no second request."""
    head = b"POST /predict_windows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    said = attacked.raw(head + AMBIGUOUS[name] + SMUGGLED, wait_s=4)
    assert said.count(b"HTTP/1.1 ") <= 1, said
    assert b"smuggled-7d1f" not in said
    assert "smuggled-7d1f" not in attacked.log


@pytest.mark.parametrize(
    "path",
    ["/gallery/a%0d%0aSet-Cookie:%20x=1", "/uat/%0aX-Injected:1", "/jobs/x%0d%0a%0d%0a<script>", "/a%0aINJECTED"],
)
def test_no_header_and_no_line_of_the_log_is_injected(attacked: Attacked, path: str) -> None:
    status, said, headers = attacked.send("GET", path, Accept="text/html")
    assert status in (404, 405)
    assert not {"set-cookie", "x-injected"} & headers.keys()
    kind = headers["content-type"].partition(";")[0]  # of neither does a browser make a page
    assert (kind, b"<script>" in said) in {
        ("application/json", True),
        ("application/json", False),
        ("text/plain", False),
    }
    assert not re.search(r"^(INJECTED|X-Injected|Set-Cookie)", attacked.log, re.MULTILINE)


def test_secrets_of_the_environment_and_of_requests_are_in_no_log(attacked: Attacked) -> None:
    """The database's password, and keys as clients send them: also where the database is away."""
    for headers in ({"Authorization": f"Bearer {SECRET}"}, {"X-API-Key": SECRET}, {"Cookie": f"posemill_key={SECRET}"}):
        status, said, _ = attacked.send("GET", "/version", **headers)
        assert status in (401, 503)
        assert SECRET.encode() not in said
    for path in ("/version", "/metrics", "/docs.json", "/schema.json"):
        assert SECRET.encode() not in attacked.send("GET", path)[1]
    assert SECRET not in attacked.log
    written = [p for p in attacked.root.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    assert written == []


def test_the_same_package_gives_the_same_bento(attacked: Attacked, tmp_path: Path) -> None:
    """Tag and every file, but for the times of building that BentoML writes down."""
    home = tmp_path / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        again = bento.build(attacked.root / "package", REPOSITORY, home)
    assert again[attacked.kind] == attacked.tag
    first, second = Path(attacked.environment["BENTOML_HOME"]), home / "bentoml"
    for file in first.rglob("custom_objects.pkl"):  # planted above
        file.unlink()
    assert digests(first) == digests(second)
    assert len(digests(first)) > 50


def digests(home: Path) -> dict[str, str]:
    """Digest of every file of a store; times of creation are left out."""
    found = {}
    for path in sorted(home.rglob("*")):
        if path.is_file() and path.name not in (".bentoml_lock",) and "tmp" not in path.relative_to(home).parts:
            content = re.sub(rb"(?m)^.*creation_time:.*$", b"", path.read_bytes())
            found[str(path.relative_to(home))] = hashlib.sha256(content).hexdigest()
    return found
