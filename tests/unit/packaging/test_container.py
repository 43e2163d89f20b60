from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from posemill.errors import InputError, PosemillError
from posemill.packaging import container

REPOSITORY = Path(__file__).resolve().parents[3]
BENTOML = """FROM python:3.11-slim AS base-container
COPY --chown=bentoml:bentoml ./env/docker ./env/docker/
RUN command -v uv >/dev/null || pip install uv

COPY --chown=bentoml:bentoml ./env/python ./env/python/
# install python packages
RUN if [ -d ./src ]; \\
    then INSTALL_ROOT="./src"; \\
    fi; uv --directory $INSTALL_ROOT pip install -r $BENTO_PATH/env/python/requirements.txt

COPY --chown=bentoml:bentoml . ./

USER bentoml

ENTRYPOINT [ "/home/bentoml/bento/env/docker/entrypoint.sh" ]
"""


@pytest.fixture
def bento(tmp_path: Path) -> Path:
    """What BentoML leaves in its store, as far as the recipe looks at it."""
    folder, model = tmp_path / "bentos" / "b" / "1", tmp_path / "models" / "m" / "2"
    for part in ("env/docker", "env/python", "src/posemill"):
        (folder / part).mkdir(parents=True)
    (folder / "bento.yaml").write_text("models:\n- tag: m:2\n")
    (folder / "env/docker/Dockerfile").write_text(BENTOML)
    (folder / "env/docker/entrypoint.sh").write_text("#!/bin/bash\n")
    (folder / "env/python/requirements.txt").write_text("bentoml==1.4.39\nonnxruntime==1.32.0\n")
    model.mkdir(parents=True)
    (model / "model.yaml").write_text("name: m\n")
    return folder


def written(service: str, bento: Path, folder: Path) -> container.Recipe:
    return container.write(service, bento, bento.parents[2] / "models", REPOSITORY, folder)


def test_the_small_image_has_the_locks_versions_and_nothing_of_torch(bento: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    recipe = written("activity", bento, folder)
    pins = container.pinned_in(folder / container.REQUIREMENTS)
    assert len(pins) == recipe.packages > 30
    assert {"bentoml", "onnxruntime", "starlette", "uvicorn", "numpy"} <= set(pins)  # also what others need
    assert not {"torch", "openpifpaf-vita", "prefect", "openvino"} & set(pins)
    assert (folder / "models/m/2/model.yaml").is_file()
    assert (folder / "models/m/latest").read_text() == "2"


def test_the_large_image_builds_openpifpaf_with_our_settings(bento: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written("analysis", bento, folder)
    pins = container.pinned_in(folder / container.REQUIREMENTS)
    assert {"torch", "openpifpaf-vita", "pysparkling", "av"} <= set(pins)
    assert "prefect" not in pins
    settings = tomllib.loads((folder / "env/python/uv.toml").read_text())
    assert settings["extra-build-variables"]["openpifpaf-vita"] == {"MAX_JOBS": "2"}
    assert {"requirement": "torch", "match-runtime": True} in settings["extra-build-dependencies"]["openpifpaf-vita"]


def test_the_recipe_is_bentomls_with_hashes_keys_and_a_health_check() -> None:
    recipe = container.dockerfile(BENTOML)
    assert "pip install --require-hashes -r requirements.txt" in recipe
    assert "INSTALL_ROOT" not in recipe
    assert recipe.index("POSEMILL_REQUIRE_KEYS=1") < recipe.index("\nUSER bentoml\n") < recipe.index("ENTRYPOINT")
    assert recipe.count("COPY") == BENTOML.count("COPY")
    with pytest.raises(PosemillError, match="compare versions"):
        container.dockerfile(BENTOML.replace("env/python", "env/py"))


def test_what_is_not_whole_is_told(bento: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    written("activity", bento, folder)
    (folder / container.DOCKERFILE).write_text("FROM x\nCOPY --chown=a:b ./nothing ./nothing/\nCOPY . ./\n")
    requirements = (folder / container.REQUIREMENTS).read_text()
    changed = requirements.replace("onnxruntime==1.32.0", "onnxruntime==1.0.0").replace("starlette==", "other==")
    (folder / container.REQUIREMENTS).write_text(changed + "more==1\n")
    (folder / "models/m/2/model.yaml").unlink()
    (folder / "env/docker/entrypoint.sh").unlink()
    told = "\n".join(container.check(folder, REPOSITORY, ["bentoml", "torch"]))
    for fault in (
        "./nothing, which is missing",
        "onnxruntime==1.0.0 is not the lock's 1.32.0",
        "torch is not installed",
        "1 packages have no hash",
        "model m:2 is missing",
        "entrypoint.sh is missing",
    ):
        assert fault in told, told


def test_a_folder_with_something_in_it_is_left_alone(bento: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(InputError, match="not empty"):
        written("activity", bento, tmp_path / "out")
