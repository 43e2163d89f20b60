"""fsspec file systems of stores and backups: a folder, S3, Google Cloud Storage, Azure Blob Storage, SSH.

Credentials come from where the clients of these services look for them (environment, configuration files, the machine's
role), never from a URL. docs/howto/deploy.md has a table.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from posemill.errors import InputError
from posemill.store.files import as_unavailable

EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "azure"),
    **dict.fromkeys(("ssh", "sftp"), "ssh"),
}
# an upload to these shows nothing under its name until all of it has come
OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"])


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path on it.

    Errors: InputError for a scheme that is unknown, or whose extra of posemill is not installed; Unavailable where a
    host does not answer, or is another than the one that is known.
    """
    import fsspec

    scheme = url.partition("://")[0] if "://" in url else ""
    try:
        with as_unavailable(f"{_shown(url)} does not answer"):  # SSH is connected to here
            fs, path = fsspec.core.url_to_fs(url, **client_options(scheme))
    except ImportError as exc:
        extra = EXTRAS.get(scheme)
        install = f"install posemill's extra: uv pip install 'posemill[{extra}]'" if extra else str(exc)
        raise InputError(f"{scheme}:// needs a package that is not installed here: {install}") from exc
    except ValueError as exc:
        if "rotocol" not in str(exc):
            raise
        known = ", ".join(f"{name}://" for name in EXTRAS)
        raise InputError(f"a store is a folder or a URL; {scheme}:// is not known: {known} are") from exc
    return fs, str(path)


def _shown(url: str) -> str:
    """Return a URL without a user and password, which some clients would take from it."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def client_options(scheme: str) -> dict[str, Any]:
    """Return what fsspec passes to the client of a scheme."""
    if scheme in OBJECT_STORES:
        return {"use_listings_cache": False}  # other processes write too: what was listed once is not remembered
    if scheme in ("ssh", "sftp"):
        return {"known_hosts": ()}  # ~/.ssh/known_hosts; sshfs itself would trust any host
    return {}


def protocols(fs: Any) -> frozenset[str]:
    """Return the names of a file system's protocol."""
    return frozenset([fs.protocol] if isinstance(fs.protocol, str) else fs.protocol)


def is_local(fs: Any) -> bool:
    """Return True for folders of this machine."""
    return "file" in protocols(fs)


def write_whole(fs: Any, path: str, content: bytes) -> None:
    """Write a remote file so that it has its name only when it is complete; what was there is replaced."""
    fs.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    if protocols(fs) & OBJECT_STORES:
        fs.pipe_file(path, content)
        return
    fresh = f"{path}.{uuid4().hex[:8]}.part"
    try:
        fs.pipe_file(fresh, content)
        fs.mv(fresh, path)
    except BaseException:
        remove_quietly(fs, fresh)
        raise


def remove_quietly(fs: Any, path: str) -> None:
    """Remove a file that may not be there, from a store that may be away: it is rubbish, not a fault."""
    try:
        fs.rm_file(path)
    except Exception:
        return
