"""`posemill.apps`: the applications as a library has them."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import posemill
from posemill.applications.protocol import Application
from posemill.applications.registry import APPLICATIONS, find_application


def test_every_application_has_a_public_name() -> None:
    public = {getattr(posemill.apps, name) for name in posemill.apps.__all__}
    assert {find_application(name) for name in APPLICATIONS} <= public


def test_all_is_the_real_surface() -> None:
    assert sorted(posemill.apps.__all__) == posemill.apps.__all__
    for name in posemill.apps.__all__:
        value = getattr(posemill.apps, name)
        assert value.__name__ == name
        assert inspect.getdoc(value), name
        if inspect.isclass(value) and issubclass(value, Application) and value is not Application:
            assert name in dir(posemill.apps)


def test_naming_the_room_imports_no_application() -> None:
    script = "import sys, posemill; posemill.apps; print([m for m in sys.modules if m.startswith('posemill.app')])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['posemill.apps']"


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'FallAlram'; it has Application"):
        posemill.apps.FallAlram  # noqa: B018
