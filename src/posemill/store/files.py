"""Writing files so that a name is final only when its bytes are complete."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from posemill.atomic import write_bytes
from posemill.errors import PosemillError, Unavailable
from posemill.redacted import redacted

# of s3fs, gcsfs, adlfs and sshfs
_CLIENTS = frozenset(["botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "azure", "adlfs", "asyncssh", "sshfs"])


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` under a temporary name, wait until it is on the disk, then move it to `path`.

    Errors: Unavailable when the disk is full or away; `path` is then as it was.
    """
    with as_unavailable(f"{path} cannot be written"):
        write_bytes(path, content, durable=True)


@contextmanager
def as_unavailable(what: str) -> Iterator[None]:
    """An operating-system or network error becomes one sentence that says whether to free space or to repeat."""
    try:
        yield
    except PosemillError:
        raise
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(f"{what}: the disk is full; free space, then repeat") from exc
        raise Unavailable(f"{what}: {redacted(str(exc))}") from exc
    except Exception as exc:
        if not _of_a_client(exc):
            raise
        raise Unavailable(f"{what}: {redacted(' '.join(str(exc).split()))[:300] or type(exc).__name__}") from exc


def _of_a_client(exc: Exception) -> bool:
    """True for an exception of a store's own client that is no OSError. By name, since importing them takes seconds."""
    return any(base.__module__.partition(".")[0] in _CLIENTS for base in type(exc).__mro__)
