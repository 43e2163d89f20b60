"""A real PostgreSQL for integration tests: one embedded server a session, a fresh database a test. And a real analysis
service, which all tests share: most of the minute that it takes is loading torch and OpenPifPaf."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from packaged import write_package
from posemill.estimation.factory import load_backend
from posemill.estimation.fingerprint import labeller
from posemill.estimation.types import PoseBackend
from posemill.packaging import bento
from posemill.params.label import LabelParams
from posemill.serving.client import Client
from posemill.serving.server import serving
from posemill.settings import Settings
from posemill.store.embedded import EmbeddedServer
from posemill.store.postgres import open_engine, upgrade
from server_statement import fresh_database

_number = count()
REPOSITORY = Path(__file__).resolve().parents[2]
ANALYSIS_LABELS = LabelParams(runtime="eager", long_edge_px=257, frame_stride=4, threads=1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """One server for the session, in a folder that an unprivileged user can reach (pytest's own cannot be, as root)."""
    folder = Path(tempfile.mkdtemp(prefix="posemill-test-"))
    folder.chmod(0o755)
    server = EmbeddedServer(folder)
    try:
        url = server.start()
        template = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
        upgrade(template)
        template.dispose()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(postgres_server: EmbeddedServer) -> Iterator[str]:
    """The address of a fresh database with all tables."""
    with fresh_database(str(postgres_server.url()), f"test_{next(_number)}") as url:
        yield url


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    """Settings of a workspace under tmp_path with that database."""
    home = tmp_path / ".posemill"
    return Settings(workspace=tmp_path, home=home, database_url=database, store_url=str(home / "store"))


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    """An engine on that database."""
    engine = open_engine(settings)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def analysis_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the analysis service lives: package/, home/ and uploads/."""
    return tmp_path_factory.mktemp("analysis")


@pytest.fixture(scope="session")
def analysis_labels() -> LabelParams:
    """How poses are found in the analysis service."""
    return ANALYSIS_LABELS


@pytest.fixture(scope="session")
def analysis_backend(analysis_folder: Path) -> PoseBackend:
    """What finds the poses in the analysis service, here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSEMILL_HOME", str(analysis_folder / "home"))
        return load_backend(ANALYSIS_LABELS.backend, ANALYSIS_LABELS)


@pytest.fixture(scope="session")
def analysis_client(analysis_folder: Path, analysis_backend: PoseBackend) -> Iterator[Client]:
    """A client of the running analysis service, which takes three videos at once; more than 10 s is long."""
    home, uploads = analysis_folder / "home", analysis_folder / "uploads"
    uploads.mkdir()
    write_package(analysis_folder / "package", labeller(analysis_backend, ANALYSIS_LABELS))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        tags, env = bento.build(analysis_folder / "package", REPOSITORY, home), bento.environment(home)
    env |= {"POSEMILL_JOBS": "3", "POSEMILL_SHORT_VIDEO_S": "10", "TMPDIR": str(uploads)}
    with serving(tags["analysis"], env, start_s=400) as running:
        yield running
    assert not list(uploads.glob("posemill-upload-*"))


@pytest.fixture
def uploads_gone(analysis_client: Client, analysis_folder: Path) -> Iterator[None]:
    """After the test the analysis service has no more files of uploads and jobs than before."""

    def stored() -> set[Path]:
        kept = (analysis_folder / "uploads").glob("posemill-upload-*/**/*")
        return {path for path in kept if path.name != "lock"}

    before = stored()
    yield
    assert stored() <= before


@pytest.fixture(scope="session")
def waving_person(analysis_folder: Path) -> Path:
    """A video of a rendered person who waves."""
    from posemill.synth import corpus

    return corpus.write(corpus.stage(corpus.plan(seed=3, subjects=1, activities=["wave"])[0]), analysis_folder)
