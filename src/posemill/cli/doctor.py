"""`posemill doctor`: checks of packages, workspace, database, store and checkpoint, with advice."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec

import click

from posemill.errors import PosemillError
from posemill.settings import Settings

# distribution -> (first incompatible version, its effect)
BREAKS = {
    "fastapi": ((0, 151), "Prefect's command line and server break from 0.152 on"),
    "sqlalchemy": ((2, 1), "Prefect's scheduler silently never fires with 2.1"),
}
PACKAGES = (
    "prefect",
    "dvc",
    "torch",
    "pytorch-lightning",
    "openpifpaf-vita",
    "opencv-python-headless",
    "great-expectations",
    "bentoml",
    "psycopg2-binary",
    "openvino",
    "onnxruntime",
    "fastapi",
    "sqlalchemy",
)
NEEDED_BYTES = 5 * 2**30


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check: `state` is ok, warning or missing; `advice` says what to do if it is not ok."""

    check: str
    state: str
    found: str
    advice: str = ""


def _package(name: str) -> Finding:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", "run `make setup`")
    if name in BREAKS:
        limit, effect = BREAKS[name]
        if tuple(int(part) for part in version.split(".")[:2]) >= limit:
            return Finding(name, "warning", version, f"{effect}: run `make setup` to install the pinned version")
    return Finding(name, "ok", version)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    state = "ok" if sys.version_info[:2] == (3, 11) else "warning"
    return Finding("python", state, version, "" if state == "ok" else "posemill is tested on Python 3.11")


def _workspace(settings: Settings) -> Finding:
    from posemill import params

    params.load(settings.workspace / "params.yaml")
    return Finding("workspace", "ok", str(settings.workspace))


def _database(settings: Settings) -> Finding:
    from posemill.store.postgres import opened_engine

    with opened_engine(settings) as engine, engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version").scalar_one()
    kind = "external" if settings.database_url else "embedded"
    return Finding("database", "ok", f"PostgreSQL {version}, {kind}")


def _store(settings: Settings) -> Finding:
    from posemill.store.files import as_unavailable
    from posemill.store.filesystems import open_filesystem

    filesystem, path = open_filesystem(settings.store_url)
    with as_unavailable(f"the store {settings.store_url} does not answer"):
        filesystem.makedirs(path, exist_ok=True)
        probe = f"{path}/.doctor"
        filesystem.pipe_file(probe, b"ok")
        filesystem.rm_file(probe)
    return Finding("store", "ok", settings.store_url)


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.workspace).free
    text = f"{free / 2**30:.0f} GiB free"
    if free < NEEDED_BYTES:
        return Finding("disk", "warning", text, "media, tracks and models need 5 GiB or more: free some space")
    return Finding("disk", "ok", text)


def _checkpoint(_: Settings) -> Finding:
    if find_spec("openpifpaf") is None:
        return Finding("checkpoint", "missing", "OpenPifPaf is not installed", "run `make setup`")
    from posemill.estimation.backends.posenet.network import embedded_digest, verify_embedded

    verify_embedded()
    return Finding("checkpoint", "ok", f"embedded PoseNet, sha256 {embedded_digest()[:12]}")


def _git(settings: Settings) -> Finding:
    if (settings.workspace / ".git").exists():
        return Finding("git", "ok", "the workspace is a git repository")
    return Finding("git", "warning", "no git repository", "run `git init`: dvc exp and dvc diff need one")


CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "workspace": _workspace,
    "git": _git,
    "disk": _disk,
    "database": _database,
    "store": _store,
    "checkpoint": _checkpoint,
}


def examine(settings: Settings) -> Iterator[Finding]:
    """Run all checks. A check that raises becomes a finding, never a traceback."""
    yield _python()
    yield from (_package(name) for name in PACKAGES)
    for name, check in CHECKS.items():
        try:
            yield check(settings)
        except (PosemillError, OSError, ValueError) as exc:
            yield Finding(name, "missing", type(exc).__name__, str(exc))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON lines.")
def doctor(as_json: bool) -> None:
    """Check packages, workspace, database, store and checkpoint, and say how to fix what is missing.

    \b
    Exit code 1 if something required is missing:
      posemill doctor
      POSEMILL_DATABASE_URL=postgresql://me:secret@db/clips posemill doctor
    """
    marks = {"ok": "ok     ", "warning": "warning", "missing": "missing"}
    bad = False
    for finding in examine(Settings.from_env()):
        bad |= finding.state == "missing"
        if as_json:
            click.echo(json.dumps(asdict(finding)))
        else:
            advice = f"  → {finding.advice}" if finding.advice else ""
            click.echo(f"{marks[finding.state]}  {finding.check:24} {finding.found}{advice}")
    if bad:
        raise SystemExit(1)
