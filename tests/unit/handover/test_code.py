"""The code of a bundle is that of a commit, proved by git's own hashes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from posemill.errors import InputError
from posemill.handover.archive import write_bundle
from posemill.handover.code import Code, write_code
from posemill.handover.verifier.container import read_members
from posemill.handover.verifier.contents import Contents
from posemill.handover.verifier.lineage import _code_faults, tree_id


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(
        ["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository whose names sort otherwise in git than as text: a folder `a` beside `a.txt` and `a-b`."""
    root = tmp_path / "clone"
    files = ["src/posemill/__init__.py", "src/posemill/a/x.py", "src/posemill/a.txt", "src/posemill/a-b", "ä ö/日本.md"]
    for name in (*files, "pyproject.toml", "empty"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("" if name == "empty" else f"content of {name}\n")
    (root / "run.sh").write_bytes(b"#!/bin/sh\r\n\0")
    (root / "run.sh").chmod(0o755)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "one")
    return root


def sealed(code: Code, folder: Path, out: Path) -> Contents:
    (folder / "lineage").mkdir()
    (folder / "models").mkdir()
    (folder / "lineage" / "code.json").write_text(json.dumps(code.to_json()))
    (folder / "models" / "digests.json").write_text(json.dumps({"code": code.commit}))
    write_bundle(folder, out, {}, lambda _: b"")
    assert read_members(out)
    return Contents.of(out)


def test_the_tree_of_the_files_is_that_of_the_commit(clone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    code = write_code(clone, folder / "code")
    assert code.commit == git(clone, "rev-parse", "HEAD")
    assert (folder / "code" / "run.sh").read_bytes() == b"#!/bin/sh\r\n\0"
    contents = sealed(code, folder, tmp_path / "x.posemill")
    assert [fault for fault in _code_faults(contents) if "stages ran" not in fault] == []
    blobs = {name[5:]: d.blob for name, d in contents.digests.items() if name.startswith("code/")}
    modes = {name: "100755" if name == "run.sh" else "100644" for name in blobs}
    assert tree_id(blobs, modes) == git(clone, "rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize("change", ["content", "mode", "added", "removed", "commit"])
def test_any_other_code_is_found(clone: Path, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "bundle"
    code = write_code(clone, folder / "code")
    match change:
        case "content":
            (folder / "code" / "empty").write_text("x")
        case "mode":
            (folder / "code" / "run.sh").chmod(0o644)
        case "added":
            (folder / "code" / "src" / "more.py").touch()
        case "removed":
            (folder / "code" / "empty").unlink()
        case "commit":
            code = Code(code.commit, str(code.commit_object).replace("one", "two"), code.same_modules)
    faults = list(_code_faults(sealed(code, folder, tmp_path / "x.posemill")))
    assert [fault for fault in faults if "stages ran" not in fault] != []


def test_code_that_is_not_committed_is_refused(clone: Path, tmp_path: Path) -> None:
    (clone / "untracked.txt").touch()  # says nothing about the code
    (clone / "pyproject.toml").write_text("changed")
    with pytest.raises(InputError, match=r"pyproject\.toml.*commit it"):
        write_code(clone, tmp_path / "code")


def test_without_a_clone_it_is_the_installed_package(tmp_path: Path) -> None:
    code = write_code(tmp_path, tmp_path / "code")
    assert (code.commit, code.commit_object) == (None, None)
    assert (tmp_path / "code" / "src" / "posemill" / "handover" / "code.py").is_file()
    assert not list((tmp_path / "code").rglob("__pycache__"))
