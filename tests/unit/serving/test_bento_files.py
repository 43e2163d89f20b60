"""The small service's list of files has every module that starting it imports: a missing one fails only when served."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import yaml

from posemill.code_digest import import_closure

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_small_service_carries_what_it_imports() -> None:
    include = yaml.safe_load((REPOSITORY / "bentofile.yaml").read_text())["include"]
    patterns = [f"{entry}*" if entry.endswith("/") else entry for entry in include]
    needed = import_closure("posemill.serving.activity", deferred=False)
    needed |= {"posemill.serving.traced_model", "posemill.serving.shadow.worker"}  # when they are asked for
    assert len(needed) > 40
    for module in sorted(needed):
        path = Path(*module.split("."))
        file = path / "__init__.py" if (REPOSITORY / "src" / path).is_dir() else path.with_suffix(".py")
        assert any(fnmatch(file.as_posix(), pattern) for pattern in patterns), f"bentofile.yaml lacks {file}"
