"""The code of a bundle: the files of the workspace's commit, or of the installed package, and the proof of which."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.code_digest import PACKAGE
from posemill.errors import InputError

CODE = ("src", "flows", "pyproject.toml", "requirements.lock")  # of a repository; changed there, a commit says nothing
REGULAR = ("100644", "100755")


@dataclass(frozen=True)
class Code:
    """Origin of the code.

    commit         git commit; None for the installed package.
    commit_object  text of the commit, whose hash is the commit's name.
    same_modules   True if every module that a stage ran has the same digest as in this code.
    """

    commit: str | None
    commit_object: str | None
    same_modules: bool

    def to_json(self) -> dict[str, Any]:
        """As lineage/code.json has it."""
        return {"commit": self.commit, "commit_object": self.commit_object, "same_modules": self.same_modules}


def write_code(root: Path, folder: Path) -> Code:
    """Write the code into a folder.

    root  the workspace: a clone of posemill's repository with its commit, or any folder; then the installed package.
    Errors: InputError for a clone with changes that are not committed, since nobody could find that code again.
    """
    package = folder / "src" / "posemill"
    if (root / "src" / "posemill" / "__init__.py").is_file() and (commit := _head(root)) is not None:
        if changed := _git(root, "status", "--porcelain", "--untracked-files=no", "--", *CODE).decode().split("\n")[0]:
            raise InputError(f"the code is changed and not committed ({changed.strip()}): commit it, then hand it over")
        _write_tree(root, commit, folder)
        text = _git(root, "cat-file", "commit", commit).decode()
        return Code(commit, text, _same_modules(root, package))
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    return Code(None, None, _same_modules(root, package))


def _write_tree(root: Path, commit: str, folder: Path) -> None:
    listing = _git(root, "ls-tree", "-r", "-z", commit).decode().split("\0")[:-1]
    entries = [(line.split("\t", 1)[1], line.split()[0], line.split()[2]) for line in listing]
    if odd := [path for path, mode, _ in entries if mode not in REGULAR]:
        raise InputError(f"{odd[0]} of the commit is a link or a submodule, which a bundle cannot hold")
    asked = "".join(f"{blob}\n" for _, _, blob in entries).encode()
    answer = _git(root, "cat-file", "--batch", stdin=asked)
    at = 0
    for path, mode, _ in entries:
        head, _, _ = answer[at : at + 200].partition(b"\n")
        size, at = int(head.split()[2]), at + len(head) + 1
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer[at : at + size])
        target.chmod(0o755 if mode == "100755" else 0o644)
        at += size + 1


def _same_modules(root: Path, package: Path) -> bool:
    """Compare the digests of the modules that stages ran with those of this code."""
    from posemill.code_digest import code_digest

    files = sorted((root / "build" / "snapshot" / "code").glob("*.json"))
    recorded: dict[str, str] = {}
    for file in files:
        recorded |= json.loads(file.read_text())["modules"]
    try:
        return bool(recorded) and all(code_digest(n, package=package)[: len(d)] == d for n, d in recorded.items())
    except ModuleNotFoundError:
        return False


def _head(root: Path) -> str | None:
    try:
        return _git(root, "rev-parse", "HEAD").decode().strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str, stdin: bytes | None = None) -> bytes:
    return subprocess.run(["git", "-C", root, *arguments], input=stdin, capture_output=True, check=True).stdout
