"""Import closures and code digests, on small packages of known imports."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import posemill.code_digest as code
from posemill.code_digest import code_digest, import_closure, source_file

FILES = {
    "__init__.py": '_NAMES = {"run": "posemill.unused:run"}',
    "a/__init__.py": "",
    "a/one.py": """
        from typing import TYPE_CHECKING
        import posemill.b.deep.inner
        from posemill.a import two
        from posemill.b import CONSTANT

        if TYPE_CHECKING:
            from posemill.types_only import Kind
        else:
            from . import relative
    """,
    "a/two.py": """
        def work():
            from posemill.lazy import helper
            from ..up import other
            return ["python", "-m", "posemill.main"]
    """,
    "a/relative.py": "",
    "b/__init__.py": '"""posemill.unused in a docstring is no import."""\nfrom posemill.constants import CONSTANT',
    "b/deep/__init__.py": "import posemill.run\n\ndef late():\n    import posemill.unused",
    "b/deep/inner.py": "RUNTIMES = {'x': 'posemill.named:Class'}",
    "constants.py": "import posemill\nCONSTANT = 'posemill.no_module'",
    "run.py": "",
    "lazy.py": "import numpy",
    "up.py": "",
    "main.py": "",
    "named.py": "",
    "types_only.py": "",
    "unused.py": "",
}
REACHED = ["a", "a.one", "a.relative", "a.two", "b", "b.deep", "b.deep.inner", "constants", "lazy", "main", "named"]


def made(folder: Path) -> Path:
    import textwrap

    for name, text in FILES.items():
        path = folder / "posemill" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder / "posemill"


def test_every_kind_of_import_is_followed_and_nothing_else(tmp_path):
    closure = import_closure("posemill.a.one", package=made(tmp_path))
    assert closure == {f"posemill.{name}" for name in [*REACHED, "run", "up"]}


def test_stopped_modules_are_neither_counted_nor_entered(tmp_path):
    package = made(tmp_path)
    closure = import_closure("posemill.a.one", stop=["posemill.b", "posemill.a.two"], package=package)
    assert closure == {"posemill.a", "posemill.a.one", "posemill.a.relative"}
    assert import_closure(["posemill.run", "posemill.up"], package=package) == {"posemill.run", "posemill.up"}


@pytest.mark.parametrize("name", ["posemill.nothing", "numpy", "posemill.a..one", "posemill.../x"])
def test_unknown_modules_are_refused(tmp_path, name):
    package = made(tmp_path)
    assert source_file(name, package) is None
    with pytest.raises(ModuleNotFoundError, match="is no module of"):
        import_closure(name, package=package)
    with pytest.raises(ModuleNotFoundError, match="is no module of"):
        code_digest([name], package=package)


BEFORE = '''
"""About."""
# why
def add(a, b):
    """Add."""
    return a + b
'''
SAME = '"""Something else."""\ndef add(a,\n        b): return (a + b)  # as always'
OTHERS = (
    "def add(a, b):\n    return a - b",
    "def add(a, b):\n    'Add.'\n    return a + b\nX = 1",
    "def add(b, a): return a + b",
)


def test_a_digest_is_of_code_and_not_of_comments_docstrings_or_formatting(tmp_path):
    def digest(number: int, text: str) -> str:
        package = tmp_path / str(number) / "posemill"
        package.mkdir(parents=True)
        (package / "sums.py").write_text(text)
        return code_digest(["posemill.sums"], package=package)

    before, same, *others = (digest(n, text) for n, text in enumerate((BEFORE, SAME, *OTHERS)))
    assert before == same
    assert len({before, *others}) == 1 + len(OTHERS)


def test_a_digest_is_also_of_the_modules_names(tmp_path):
    package = made(tmp_path)
    assert code_digest(["posemill.up"], package=package) != code_digest(["posemill.run"], package=package)
    both = ["posemill.up", "posemill.run"]
    assert code_digest(both, package=package) == code_digest(reversed(both), package=package)


def test_the_closure_of_real_modules_leads_through_factories_and_subprocesses():
    closure = import_closure("posemill.video.sandboxed")
    assert {"posemill.video.reader_main", "posemill.video.decode"} <= closure
    assert "posemill" not in closure


def test_the_examples_are_right():
    assert doctest.testmod(code).failed == 0
