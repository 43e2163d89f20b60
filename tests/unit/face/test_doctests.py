"""The examples in docstrings run, and the public names have some."""

from __future__ import annotations

import doctest
import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

import posemill

SOURCES = Path(posemill.__file__).parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
MODULES = sorted(
    ".".join(path.relative_to(SOURCES.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES.rglob("*.py")
    if ">>> " in path.read_text()
)
SHOWN = ("ActivityModel", "MediumTracks", "PoseEstimator", "PoseTrack", "open_workspace", "read_media", "read_tracks")


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path / "home"))
    globs = {"posemill": posemill, "np": np, "getfixture": request.getfixturevalue}
    assert doctest.testmod(importlib.import_module(name), extraglobs=globs, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("name", [*SHOWN, "write_tracks"])
def test_public_names_have_examples(name: str) -> None:
    assert "Examples:\n" in (inspect.getdoc(getattr(posemill, name)) or "")
