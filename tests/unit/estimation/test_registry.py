"""The register of pose backends: entries as data, nothing imported."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from posemill.errors import InputError, PosemillError
from posemill.estimation.factory import load_backend
from posemill.estimation.registry import BACKENDS, BackendEntry, find_backend, register
from posemill.params.label import LabelParams
from posemill.pose.skeleton import SKELETONS


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'alphapose'; known are .*openpifpaf, .*openpose"):
        load_backend("alphapose", LabelParams())


def test_a_name_that_comes_twice_fails() -> None:
    entry = BACKENDS["openpifpaf"]
    with pytest.raises(PosemillError, match="'openpifpaf' is registered twice"):
        register([entry, replace(entry, code_licence="another")])


@pytest.mark.parametrize("entry", BACKENDS.values(), ids=BACKENDS)
def test_every_entry_says_what_one_must_know(entry: BackendEntry) -> None:
    assert entry.skeleton is SKELETONS[entry.skeleton.name]
    assert entry.code_licence
    assert entry.weights_licence
    assert entry.weights_origin
    assert find_backend(entry.name) is entry


def test_only_openpifpaf_is_agpl() -> None:
    assert [name for name, entry in BACKENDS.items() if "AGPL" in entry.code_licence] == ["openpifpaf"]


def test_what_is_missing_is_named_with_what_to_do() -> None:
    entry = replace(
        BACKENDS["openpifpaf"], packages=("torch", "no_such_package"), weights=("none.bin",), advice="install it"
    )
    assert entry.missing() == "no package no_such_package, no weights none.bin: install it"
    assert not entry.ready


def test_asking_what_is_ready_loads_no_library() -> None:
    heavy = ("torch", "openpifpaf", "torchvision", "openvino", "cv2")
    code = (
        "import sys; from posemill.estimation.registry import BACKENDS; [e.missing() for e in BACKENDS.values()]; "
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_openpifpaf_is_ready_where_it_is_installed() -> None:
    assert BACKENDS["openpifpaf"].ready is (find_spec("openpifpaf") is not None)


@pytest.mark.parametrize("name", ["posenet", "openpose", "movenet", "blazepose", "blazepose-many"])
def test_the_permissive_backends_never_import_the_agpl_one(name: str, tmp_path: Path) -> None:
    code = (
        "import sys, numpy; from posemill.estimation.factory import load_backend; "
        "from posemill.params.label import LabelParams; "
        f"backend = load_backend({name!r}, LabelParams(backend={name!r}, long_edge_px=129)); "
        "backend.poses([numpy.zeros((90, 120, 3), numpy.uint8)]); print('openpifpaf' in sys.modules)"
    )
    home = {**os.environ, "POSEMILL_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, env=home
    )
    assert done.stdout.strip() == "False"
