"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def until(true: Callable[[], Any], limit_s: float = 120, log: Path | None = None) -> Any:
    """Return what is true once it is; after `limit_s`, which is long for a busy machine, fail and show the log's end.

    What is quick is asked for every hundredth of a second, what takes minutes once a second.
    """
    began = time.monotonic()
    while not (found := true()):
        waited = time.monotonic() - began
        assert waited < limit_s, f"not within {limit_s:g} s: {log.read_text()[-3000:] if log else ''}"
        time.sleep(min(1.0, 0.01 + waited / 10))
    return found
