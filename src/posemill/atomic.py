"""Atomic file writes: beside the final name first, then renamed, so that no name ever has half a file.

A disk that fills up, a kill or an error leaves what was there before. Every export, report, drawing and picture of
posemill is written through this module.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic_path(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the final name when the block ends without an error.

    The temporary name keeps the ending, since many libraries choose a format by it. Missing parent folders are made.

    durable  wait until the bytes are on the disk before renaming, for what a power cut must not lose.
    Errors: OSError as it comes; `path` is then as it was, and nothing is left beside it.

    Examples:
        >>> path = Path(getfixture("tmp_path")) / "poses.json"
        >>> with atomic_path(path) as part:
        ...     _ = part.write_text("{}")
        >>> path.read_text(), len(list(path.parent.iterdir()))
        ('{}', 1)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem[:80]}.{uuid4().hex[:8]}.part{path.suffix}")
    try:
        yield part
        if durable:
            _flush(part)
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; its files take their places in `path` when the block ends without an error.

    Files of `path` with other names stay. Each file is renamed by itself, after all of them are written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{path.name[:80]}.{uuid4().hex[:8]}.part"
    part.mkdir()
    try:
        yield part
        for file in sorted(p for p in part.rglob("*") if p.is_file()):
            final = path / file.relative_to(part)
            final.parent.mkdir(parents=True, exist_ok=True)
            file.replace(final)
    finally:
        import shutil

        shutil.rmtree(part, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write bytes atomically."""
    with atomic_path(path, durable=durable) as part:
        part.write_bytes(content)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
