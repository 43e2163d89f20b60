"""Build context of a container image for a bento: Dockerfile, pinned packages, source and model.

BentoML's own Dockerfile installs the bentofile's packages without hashes and cannot build OpenPifPaf, whose sdist needs
the settings of pyproject.toml. Here both services are pinned to requirements.lock, with hashes.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from posemill.errors import InputError, PosemillError

# packages that the services import beyond the bentofile's list; their dependencies follow from metadata
ROOTS: Mapping[str, tuple[str, ...]] = {
    "activity": ("bentoml",),
    "analysis": (
        "bentoml",
        "av",
        "numpy",
        "onnxruntime",
        "opencv-python-headless",
        "openpifpaf-vita",
        "openvino",
        "psycopg2-binary",
        "pydantic",
        "python-multipart",
        "safetensors",
        "scipy",
        "sqlalchemy",
        "torch",
        "torchvision",
    ),
}
LINUX = {"sys_platform": "linux", "platform_system": "Linux"}
PYTHON = Path("env/python")
REQUIREMENTS = PYTHON / "requirements.txt"
DOCKERFILE = Path("env/docker/Dockerfile")
# in a container the services listen on all addresses: keys are required unless somebody switches them off
ADDED = """
ENV POSEMILL_HOME=/home/bentoml/state DO_NOT_TRACK=1 BENTOML_DO_NOT_TRACK=True
# API keys are in a database: run with POSEMILL_DATABASE_URL or, behind your own gateway, with
# POSEMILL_REQUIRE_KEYS=0
ENV POSEMILL_REQUIRE_KEYS=1
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \\
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/readyz', timeout=4)"]

USER bentoml
"""
INSTALL = f"""COPY --chown=bentoml:bentoml ./{PYTHON} ./{PYTHON}/
# uv.toml beside it has the build settings of packages that are built from source
RUN uv --directory $BENTO_PATH/{PYTHON} pip install --require-hashes -r requirements.txt
RUN mkdir -p /home/bentoml/state && chown bentoml:bentoml /home/bentoml/state
"""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """A written build context: folder, number of pinned packages, and total size in MB."""

    folder: Path
    packages: int
    size_mb: float


def write(service: str, bento: Path, models: Path, repository: Path, folder: Path) -> BuildContext:
    """Write and check the build context of a service ("activity", "analysis").

    bento       its folder in BentoML's store; models is the model store beside it.
    repository  with pyproject.toml, requirements.lock and the bentofile that it was built from.
    folder      new or empty.
    Errors: InputError if a file is missing or the folder is not empty, PosemillError if the result is incomplete.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: name a new folder")
    for needed in (bento / "bento.yaml", repository / "requirements.lock"):
        if not needed.is_file():
            raise InputError(f"no {needed}: build the bento first, and run this in posemill's repository")
    shutil.copytree(bento, folder, dirs_exist_ok=True)
    for name, version in models_of(folder):
        shutil.copytree(models / name / version, folder / "models" / name / version)
        (folder / "models" / name / "latest").write_text(version)
    pins = locked(repository)
    roots = {*ROOTS[service], *pinned_in(bento / REQUIREMENTS)}
    (folder / REQUIREMENTS).write_text("".join(pins[name] for name in sorted(closure(roots, pins))))
    (folder / PYTHON / "uv.toml").write_text(build_settings(repository / "pyproject.toml"))
    (folder / DOCKERFILE).write_text(dockerfile((bento / DOCKERFILE).read_text()))
    if errors := check(folder, repository, roots):
        raise PosemillError(f"the build context in {folder} is incomplete: {'; '.join(errors)}")
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    return BuildContext(folder, len(pinned_in(folder / REQUIREMENTS)), round(size / 1e6, 1))


def models_of(folder: Path) -> list[tuple[str, str]]:
    """Return name and version of a bento's models."""
    import yaml

    listed = yaml.safe_load((folder / "bento.yaml").read_text())["models"]
    return [tuple(model["tag"].split(":")) for model in listed]


def locked(repository: Path) -> dict[str, str]:
    """Parse requirements.lock: package → its lines, with hashes."""
    blocks = re.split(r"\n(?=\S)", (repository / "requirements.lock").read_text().strip())
    return {_name(block): block + "\n" for block in blocks if "==" in block.splitlines()[0]}


def closure(roots: Iterable[str], pins: Mapping[str, str]) -> set[str]:
    """Transitive dependencies of `roots` on Linux, from the metadata of the installed packages.

    Packages that the lock leaves out (another OpenCV, see docs/decisions/0003) are left out.
    Errors: InputError for a root that the lock lacks or that is not installed.
    """
    from packaging.requirements import Requirement

    roots, names = set(roots), set[str]()
    if unknown := sorted(roots - set(pins)):
        raise InputError(f"requirements.lock has no package {', '.join(unknown)}")
    waiting: list[tuple[str, str]] = [(root, "") for root in roots]  # package and one of its extras
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen or name not in pins:
            continue
        seen.add((name, extra))
        names.add(name)
        for needed in map(Requirement, _dependencies(name)):
            if needed.marker is None or needed.marker.evaluate({**LINUX, "extra": extra}):
                waiting += [(_name(needed.name), its_extra) for its_extra in ("", *needed.extras)]
    return names


def _dependencies(package: str) -> list[str]:
    try:
        return requires(package) or []
    except PackageNotFoundError as exc:
        raise InputError(f"{package} is not installed here: run `make setup`") from exc


def build_settings(pyproject: Path) -> str:
    """uv.toml with pyproject.toml's settings for packages that are built from source."""
    uv = tomllib.loads(pyproject.read_text())["tool"]["uv"]
    kept = {
        key: uv[key]
        for key in ("extra-build-dependencies", "extra-build-variables", "dependency-metadata")
        if key in uv
    }
    import tomli_w

    return tomli_w.dumps(kept)


def dockerfile(of_bentoml: str) -> str:
    """BentoML's Dockerfile with pinned installation, state folder, required keys and health check."""
    install = re.compile(r"COPY [^\n]*\./env/python \./env/python/\n.*?requirements\.txt\n", re.DOTALL)
    if len(install.findall(of_bentoml)) != 1 or of_bentoml.count("\nUSER bentoml\n") != 1:
        raise PosemillError("BentoML's Dockerfile differs from the version this was written for: compare versions")
    return install.sub(lambda _: INSTALL, of_bentoml).replace("\nUSER bentoml\n", ADDED)


def check(folder: Path, repository: Path, roots: Iterable[str]) -> list[str]:
    """List errors of a build context that can be detected without a container engine; empty if there are none."""
    errors = []
    content = (folder / DOCKERFILE).read_text()
    for source in re.findall(r"^COPY (?:--\S+ )*(\S+) \S+$", content, re.MULTILINE):
        if not (folder / source).exists():
            errors.append(f"COPY needs {source}, which is missing")
    pins, lock = pinned_in(folder / REQUIREMENTS), {name: _version(block) for name, block in locked(repository).items()}
    errors += [
        f"{name}=={version} is not the lock's {lock.get(name)}"
        for name, version in pins.items()
        if lock.get(name) != version
    ]
    errors += [f"{root} is not installed" for root in sorted(roots) if root not in pins]
    if unhashed := sum("--hash=" not in b for b in re.split(r"\n(?=\S)", (folder / REQUIREMENTS).read_text().strip())):
        errors.append(f"{unhashed} packages have no hash")
    for name, version in models_of(folder):
        if not (folder / "models" / name / version / "model.yaml").is_file():
            errors.append(f"model {name}:{version} is missing")
    if not (folder / "env" / "docker" / "entrypoint.sh").is_file():
        errors.append("BentoML's entrypoint.sh is missing")
    return errors


def pinned_in(requirements: Path) -> dict[str, str]:
    """Parse a requirements file: package → pinned version."""
    lines = requirements.read_text().splitlines() if requirements.is_file() else []
    return {_name(line): _version(line) for line in lines if re.match(r"[A-Za-z0-9]", line) and "==" in line}


def _name(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[=<>; ]", line.strip())[0]).lower()


def _version(line: str) -> str:
    return re.split(r"[;\s\\]", line.split("==")[1].strip())[0]
