"""`import posemill`: what it offers, what it costs, and that it can be completed."""

from __future__ import annotations

import ast
import builtins
import inspect
import rlcompleter
import subprocess
import sys
from pathlib import Path

import pytest

import posemill

HEAVY = ("numpy", "torch", "pandas", "cv2", "av", "sqlalchemy", "pydantic", "click", "polars", "pyarrow", "onnxruntime")

# with jedi, which reads the source, and without it, which asks dir()
IPYTHON = """
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import posemill")
for shell.Completer.use_jedi in (True, False):
    with provisionalcompleter():
        print(sorted(c.text.lstrip(".") for c in shell.Completer.completions("posemill.read_", 14)))
"""


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_all_is_the_real_surface() -> None:
    assert posemill.__all__ == sorted(posemill.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))
    for name in posemill.__all__:
        value = getattr(posemill, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__name__ == name
            assert value.__module__.startswith("posemill.")
            assert inspect.getdoc(value), name


def test_type_checkers_see_the_same_names() -> None:
    """The imports under TYPE_CHECKING are the names of __all__, from the modules they are imported from."""
    tree = ast.parse(Path(posemill.__file__).read_text())
    imported = {
        alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    homes = {name: posemill._HOMES.get(name, "posemill.errors") for name in posemill.__all__ if name != "__version__"}
    assert {name: module for name, module in imported.items() if name in homes} == homes


def test_every_error_is_public() -> None:
    from posemill import errors

    raised = {n for n, v in vars(errors).items() if inspect.isclass(v) and issubclass(v, errors.PosemillError)}
    assert raised <= set(posemill.__all__)
    assert all(not issubclass(getattr(builtins, name, int), Exception) for name in raised)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'PoseEstimater'; it has .*PoseEstimator"):
        posemill.PoseEstimater  # noqa: B018


def test_importing_is_cheap() -> None:
    """Nothing heavy comes, nothing of posemill but its face, and it takes under 50 ms (the best of five)."""
    assert run(f"import sys, posemill; print([m for m in {HEAVY} if m in sys.modules])") == "[]"
    assert run("import sys, posemill; print([m for m in sys.modules if m.startswith('posemill')])") == "['posemill']"
    clock = "import time; t = time.perf_counter(); import posemill; print(time.perf_counter() - t)"
    assert min(float(run(clock)) for _ in range(5)) < 0.05


def test_no_name_needs_a_database_or_a_network() -> None:
    """Names are imported without what only some of their methods need."""
    heavy = ("torch", "pandas", "xarray", "cv2", "av", "sqlalchemy", "matplotlib", "bentoml", "polars", "openpifpaf")
    names = [name for name in posemill.__all__ if name not in ("Client", "open_workspace")]
    script = f"import sys, posemill; [getattr(posemill, n) for n in {names}]"
    assert run(f"{script}; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_names_can_be_completed() -> None:
    assert set(posemill.__all__) <= set(dir(posemill))
    completer = rlcompleter.Completer({"posemill": posemill})
    assert (completer.complete("posemill.PoseEst", 0) or "").startswith("posemill.PoseEstimator")
    pytest.importorskip("IPython")
    assert run(IPYTHON).splitlines()[-2:] == ["['read_media', 'read_tracks']"] * 2


def test_the_version_is_that_of_the_package() -> None:
    from importlib import metadata

    assert posemill.__version__ == metadata.version("posemill")
