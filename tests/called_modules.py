"""Modules of posemill whose functions are called: what a stage really runs, against what it is said to depend on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType
from typing import Any

import posemill

PACKAGE = Path(posemill.__file__).parent


@contextmanager
def called_modules() -> Iterator[set[str]]:
    """Collect the names of modules while the block runs, in threads that it starts too. Imports do not count."""
    files: set[str] = set()
    names: set[str] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_flags & CO_OPTIMIZED:  # a function: no module and no class body
            files.add(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield names
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        names.update(_module(Path(file)) for file in files if Path(file).is_relative_to(PACKAGE))


def _module(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
