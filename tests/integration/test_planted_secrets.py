"""No secret of environment or configuration is in anything that a run leaves behind.

Slow (some minutes): a small demo is rendered, labelled, built by a flow of a real Prefect server, served, backed up and
handed over with secrets planted wherever a user may have one; then everything that was written is searched: logs,
reports, Data Docs, flow runs, tables, DVC's files, bentos, bundle and backup, within archives too.
"""

from __future__ import annotations

import base64
import gzip
import http.server
import io
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import psycopg2
import pytest

from fixtures.media import film
from object_stores import s3_environment, s3_server
from planted_secrets import MARK, found_below, found_in, found_in_database, planted, quoted
from posemill.params.evaluate import Gates
from posemill.serving.server import free_port, stop
from posemill.store.embedded import EmbeddedServer
from server_statement import execute, fresh_database
from small_demo import ACTIVITIES, CORPUS, PARAMS, SmallDemo, clone
from toy_workspace import REPOSITORY

CHANNELS = """
channels:
  - {kind: webhook, name: hook, url: "http://127.0.0.1:1/hook", secret_env: HOOK_SECRET}
  - {kind: mqtt, name: broker, host: 127.0.0.1, port: 1, topic: a, user: ann, password_env: BROKER_PASSWORD}
"""
# an address with a password that another system puts into the table stays there, since ingest needs it to fetch
WANTED_IN_DATABASE = {"medium.uri": {"clip", "token", "away"}}
pytestmark = pytest.mark.timeout(1800)  # the whole run is the set-up of its first test
ANY_MODEL = {
    "evaluate": {"network": "build/train", "gates": dict.fromkeys(Gates.model_fields)},
    "package": {"acceptance": {"min_right": 0.0, "clips": 2}},
}


@dataclass
class Ran:
    """The finished run: its workspace, the folder with all that was written, and the files that hold secrets."""

    demo: SmallDemo
    folder: Path
    database: str
    secrets: list[Path] = field(default_factory=list)

    def say(self, name: str, *arguments: object, fails: bool = False, **env: str) -> str:
        """Run `python ARGUMENTS` in the workspace; what it says is kept in said/NAME.log and returned."""
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.demo.root,
            env={**self.demo.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        with (self.folder / "said" / f"{name}.log").open("a") as log:
            log.write(done.stdout)
        assert (done.returncode != 0) == fails, f"{name}\n{done.stdout[-4000:]}"
        return done.stdout

    def posemill(self, name: str, *arguments: object, fails: bool = False, **env: str) -> str:
        """`posemill NAME ARGUMENTS`."""
        return self.say(name, "-m", "posemill", name, *arguments, fails=fails, **env)


@pytest.fixture(scope="module")
def ran(postgres_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "said").mkdir()
    server = str(postgres_server.url())
    with fresh_database(server, "planted_secrets") as url, s3_server(folder) as port:
        execute(server, f"CREATE ROLE planted SUPERUSER LOGIN PASSWORD '{planted('database')}'")
        try:
            address = url.partition("@")[2]
            database = f"postgresql://planted:{quoted('database')}@{address}"
            httpx.put(f"http://127.0.0.1:{port}/posemill").raise_for_status()
            demo = clone(folder / "workspace", PARAMS | ANY_MODEL, database)
            secrets = plant(demo.root, folder)
            made = Ran(SmallDemo(demo.root, {**demo.env, **environment(folder, port)}), folder, url, secrets)
            work(made)
            yield made
        finally:
            execute(server, "DROP OWNED BY planted CASCADE")
            with suppress(psycopg2.Error):
                execute(server, "REASSIGN OWNED BY planted TO CURRENT_USER")
            with suppress(psycopg2.Error):
                execute(server, "DROP ROLE planted")


def plant(root: Path, folder: Path) -> list[Path]:
    """Secrets in files: DVC's local configuration, and the key of pseudonyms."""
    local, subjects = root / ".dvc" / "config.local", folder / "subjects.key"
    local.write_text(f"['remote \"far\"']\n    url = s3://far\n    secret_access_key = {planted('remote')}\n")
    subjects.write_text(f"{planted('subjects')}{'0' * 32}\n")
    (root / "channels.yaml").write_text(CHANNELS)
    shutil.copytree(REPOSITORY / "flows", root / "flows", ignore=shutil.ignore_patterns("__pycache__"))
    return [local, subjects]


def environment(folder: Path, port: int) -> dict[str, str]:
    """Variables with secrets, as a user has them."""
    return {
        **s3_environment(port),
        "AWS_SECRET_ACCESS_KEY": planted("store"),
        "AWS_SESSION_TOKEN": planted("session"),
        "POSEMILL_STORE_URL": "s3://posemill/store",
        "POSEMILL_SUBJECT_KEY": str(folder / "subjects.key"),
        "POSEMILL_KEY": planted("key"),
        "HOOK_SECRET": planted("hook"),
        "BROKER_PASSWORD": planted("broker"),
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_KEY": planted("prefect"),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def work(ran: Ran) -> None:
    """What users run, with what goes wrong for them."""
    ran.posemill("synth", *CORPUS, "--activities", ",".join(ACTIVITIES))
    camera = f"rtsp://ann:{quoted('camera')}@127.0.0.1:1/live?token={quoted('camera')}"
    ran.posemill("capture", camera, "--seconds", 1, fails=True)
    clip = film(ran.folder / "clip.mp4", 30)
    with clip_server(clip) as port:
        add_addresses(ran, port)
        ran.say("build", "-m", "flows.build_model")
    traced = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization={quoted('traces')}"}
    traced["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:1"
    ran.say("notify", "-m", "flows.notify", "flow-failed", "build-model failed", **traced)
    serve(ran)
    ran.posemill("handover", ran.folder / "out.posemill", "--media", "synthetic", "--data-licence", "synthetic=CC0-1.0")
    away = f"postgresql://planted:{quoted('database')}@127.0.0.1:1/none"
    ran.posemill("stage", "snapshot", fails=True, POSEMILL_DATABASE_URL=away)  # a flow would try again for minutes
    ran.say("wrong", "-m", "flows.label_backlog", fails=True, POSEMILL_DATABASE_URL=away.replace("postgresql", "pg"))
    ran.posemill("add", clip, fails=True, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    for command in ("summary", "doctor", "quarantine list --json", "media --json", "audit list"):
        ran.posemill(*command.split())
    ran.posemill("backup", "create", ran.folder / "backup")
    ran.secrets += (ran.demo.root / ".posemill" / "keys").rglob("*")


def add_addresses(ran: Ran, port: int) -> None:
    """Another system adds media by SQL, with passwords in their addresses; one of them cannot be fetched."""
    address = f"http://ann:{quoted('clip')}@127.0.0.1:{port}/clip.mp4?token={quoted('token')}"
    dead = f"http://ann:{quoted('away')}@127.0.0.1:{port}/missing.mp4?token={quoted('token')}"
    with psycopg2.connect(ran.database) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO dataset (name) VALUES ('other')")
        for uri in (address, dead):
            cursor.execute("INSERT INTO medium (uri, dataset, added_by) VALUES (%s, 'other', 'x')", (uri,))
    connection.close()


@contextmanager
def clip_server(path: Path) -> Iterator[int]:
    """One clip over HTTP, for whoever says the password."""
    wanted = base64.b64encode(f"ann:{planted('clip')}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == f"Basic {wanted}" and self.path.startswith("/clip.mp4")
            content = path.read_bytes() if known else b""
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(ran: Ran) -> None:
    """The service with keys, asked with the right one, a wrong one and none; its log is kept."""
    key = ran.posemill("keys", "add", "acme").split()[0]
    (ran.folder / "said" / "keys.log").unlink()  # it is shown there, this once
    assert key.startswith("pm_")
    port = free_port()
    command = [sys.executable, "-m", "posemill", "serve", "--small", "--port", str(port)]
    env = {**ran.demo.env, "POSEMILL_REQUIRE_KEYS": "1", "POSEMILL_LOG": "json"}
    with (ran.folder / "said" / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ran.demo.root,
            env=env,
            stdout=log,
            stderr=log,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
        )
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            time.sleep(0.3)
        answers = [httpx.get(f"{url}/version", headers={"X-API-Key": each}) for each in (key, planted("key"), "")]
        assert [answer.status_code for answer in answers] == [200, 401, 401]
        refused = httpx.post(f"{url}/predict_track?key={quoted('key')}", headers={"X-API-Key": key}, json={"a": 1})
        assert refused.status_code == 400
        (ran.folder / "said" / "answers.txt").write_text("\n".join(a.text for a in [*answers, refused]))
        (ran.folder / "said" / "key.digest").write_text(key)
    finally:
        stop(process)


def test_the_search_finds_what_is_hidden(tmp_path: Path) -> None:
    """Else the rest would show nothing."""
    secret = planted("x").encode()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", gzip.compress(secret))
    outer = io.BytesIO()
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b", inner.getvalue())
    table = io.BytesIO()
    pl.DataFrame({"n": [1, 2], "text": ["", secret.decode()]}).write_parquet(table, compression="zstd")
    for content in (secret, outer.getvalue(), table.getvalue(), b"user=" + quoted("x").encode()):
        assert found_in(content) == {"x"}
    for before in ("", "a", "ab", "abc"):
        assert found_in(base64.b64encode(before.encode() + secret + b"!")) == {"encoded"}
    assert found_in(b"nothing") == set()
    (tmp_path / "a").write_bytes(secret)
    (tmp_path / "b").write_bytes(secret)
    assert found_below(tmp_path, but=[tmp_path / "a"]) == {"b": {"x"}}


@pytest.mark.slow
def test_no_file_that_a_run_wrote_holds_a_secret(ran: Ran) -> None:
    assert (ran.folder / "prefect" / "prefect.db").stat().st_size > 100_000
    assert (ran.folder / "out.posemill").stat().st_size > 100_000
    assert (ran.demo.root / "build" / "gate").exists() or (ran.demo.root / "build" / "package").is_dir()
    assert len(list((ran.folder / "backup").rglob("*"))) > 20
    found = found_below(ran.folder, but=ran.secrets)
    media = [names for path, names in found.items() if path.startswith("backup/")]
    assert media == list(WANTED_IN_DATABASE.values())  # the table of media, as the database has it
    assert {path: names for path, names in found.items() if not path.startswith("backup/")} == {}


@pytest.mark.slow
def test_no_table_holds_a_secret_but_the_address_that_is_to_be_fetched(ran: Ran) -> None:
    assert found_in_database(ran.database) == WANTED_IN_DATABASE


@pytest.mark.slow
def test_what_is_shown_once_is_kept_nowhere(ran: Ran) -> None:
    """The API key of a client, and the private half of the signing key."""
    key = (ran.folder / "said" / "key.digest").read_text()
    private = next((ran.demo.root / ".posemill" / "keys").rglob("*.pem")).read_text().splitlines()[1]
    for path in ran.folder.rglob("*"):
        if path.is_file() and path not in ran.secrets and path.name != "key.digest":
            content = path.read_bytes()
            assert key.encode() not in content, path
            assert private.encode() not in content, path


def test_the_mark_is_no_word_of_the_project() -> None:
    assert not any(MARK in value for value in os.environ.values())
