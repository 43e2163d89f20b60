"""Operating-system errors as sentences, for the outermost level of the command line."""

from __future__ import annotations

import errno

_ADVICE = {
    errno.ENOSPC: "the disk is full: free space, or write elsewhere",
    errno.EDQUOT: "the disk quota is used up: free space, or write elsewhere",
    errno.EROFS: "the file system is read-only: write elsewhere",
    errno.EACCES: "permission denied: check who may read and write there",
    errno.EPERM: "permission denied: check who may read and write there",
    errno.ENOENT: "it does not exist",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder",
    errno.EEXIST: "it is there already, and is of another kind",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EMFILE: "too many files are open: raise `ulimit -n`",
    errno.EIO: "the disk does not answer: check it",
}


def explain_os_error(error: OSError) -> str:
    """Return one sentence with the path, the reason and what to do.

    Examples:
        >>> explain_os_error(OSError(28, "No space left on device", "/data/out.json"))
        '/data/out.json: the disk is full: free space, or write elsewhere'
    """
    paths = [str(path) for path in (error.filename, error.filename2) if path is not None]
    reason = _ADVICE.get(error.errno or 0) or error.strerror or " ".join(str(error).split()) or type(error).__name__
    return ": ".join([" and ".join(paths), reason]) if paths else reason
