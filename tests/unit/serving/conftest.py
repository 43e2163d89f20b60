"""A small package folder, exported once for all tests of serving."""

from __future__ import annotations

from pathlib import Path

import pytest

from packaged import write_package
from posemill.prediction.model import ActivityModel


@pytest.fixture(scope="session")
def package_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    write_package(folder)
    return folder


@pytest.fixture(scope="session")
def predictor(package_folder: Path) -> ActivityModel:
    return ActivityModel.load(package_folder)
