"""DVC's objects: files of its cache and remotes by MD5, and which of them hold or come of a person's data.

An object counts if its content names the data, or if a stage that read such an object wrote it: windows and weights
name nobody. Runs of stages are read from dvc.lock in the workspace and all of git's history, and from DVC's run cache,
which also knows runs that were never committed. What a run without that data wrote as well, byte for byte, stays.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from posemill.erasure.needles import Needles
from posemill.errors import InputError, Unavailable

LOCK = "dvc.lock"
_MD5 = 32


@dataclass(frozen=True)
class ObjectPlace:
    """The cache or a remote: its name, DVC's file system and the folder with files/md5 and runs."""

    name: str
    fs: Any
    root: str

    @cached_property
    def objects(self) -> dict[str, str]:
        """Path of every object by its MD5 (with .dir, of folders)."""
        found = {}
        for path in self._find(self.root):
            parts = self.fs.parts(path)[len(self.fs.parts(self.root)) :]
            md5 = "".join(parts[-2:])
            if "runs" not in parts and len(md5.removesuffix(".dir")) == _MD5 and len(parts[-2]) == 2:
                found[md5] = path
        return found

    def runs(self) -> dict[str, dict[str, Any]]:
        """Return the entries of the run cache by path; damaged ones are left out."""
        import yaml

        found = {}
        for path in self._find(self.fs.join(self.root, "runs")):
            try:
                entry = yaml.safe_load(self.read(path))
            except yaml.YAMLError:
                continue
            if isinstance(entry, dict):
                found[path] = entry
        return found

    def read(self, path: str) -> bytes:
        """Return the content of a file; none of one that is gone."""
        try:
            with self.fs.open(path, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return b""

    def remove(self, path: str) -> None:
        """Remove a file; one that is gone is no matter."""
        try:
            self.fs.remove(path)
        except FileNotFoundError:
            return
        except OSError as exc:
            raise Unavailable(f"{self.name}: {path} cannot be removed: {exc}") from exc

    def _find(self, folder: str) -> list[str]:
        try:
            return [str(path) for path in self.fs.find(folder)] if self.fs.exists(folder) else []
        except OSError as exc:
            raise Unavailable(f"{self.name} does not answer: {exc}") from exc


@dataclass(frozen=True)
class StageRun:
    """One run of a stage: MD5 of what it read and of what it wrote, with what is in folders."""

    reads: frozenset[str]
    writes: frozenset[str]


def places(root: Path) -> list[ObjectPlace]:
    """Return the cache and every configured remote of a workspace; none where DVC was never set up.

    Errors: InputError for a remote that keeps versions by itself; Unavailable for one that does not answer.
    """
    if not (root / ".dvc").is_dir():
        return []
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            found = [ObjectPlace("DVC cache", repo.cache.legacy.fs, repo.cache.legacy.path)]
            for name in sorted(repo.config["remote"]):
                remote = repo.cloud.get_remote(name)
                if remote.worktree or getattr(remote.fs, "version_aware", False):
                    raise InputError(
                        f"the DVC remote {name} keeps versions of its own: delete them there, remove it from DVC's "
                        "configuration (`dvc remote remove`), then repeat"
                    )
                found.append(ObjectPlace(f"DVC remote {name}", remote.fs, remote.path))
            return found
    except DvcException as exc:
        raise Unavailable(f"DVC cannot be asked for its cache and remotes: {exc}") from exc


def objects_of(root: Path, where: Iterable[ObjectPlace], needles: Needles) -> set[str]:
    """Return the MD5 of every object that holds or comes of what the needles name."""
    where = list(where)
    named, folders = _search(where, needles)
    return spread(named, list(_stage_runs(root, where, folders)))


def spread(named: set[str], runs: Sequence[StageRun]) -> set[str]:
    """Return these objects, and what runs wrote that read or wrote one of them, and so on; not what others wrote too.

    Examples:
        >>> table, array, empty = "1" * 32, "2" * 32, "3" * 32
        >>> hers = StageRun(frozenset({table}), frozenset({array, empty}))
        >>> his = StageRun(frozenset({"4" * 32}), frozenset({"5" * 32, empty}))
        >>> spread({table}, [hers, his]) == {table, array}
        True
    """
    touched = {run for run in runs if run.reads & named or run.writes & named}
    while True:
        others = _written(run for run in runs if run not in touched)
        made = named | (_written(touched) - others)
        more = {run for run in runs if run not in touched and (run.reads | run.writes) & made}
        if not more:
            return made
        touched |= more


def remove_objects(place: ObjectPlace, objects: set[str]) -> int:
    """Remove these objects from a place, and the entries of its run cache that name them; return how many."""
    paths = [path for md5, path in place.objects.items() if md5 in objects]
    paths += [path for path, entry in place.runs().items() if objects & set(_listed(entry, "outs").values())]
    for path in paths:
        place.remove(path)
    place.__dict__.pop("objects", None)
    return len(paths)


def current_outputs(root: Path) -> dict[str, str]:
    """Return path and MD5 of every output in the workspace's dvc.lock."""
    stages = _stages((root / LOCK).read_text()) if (root / LOCK).is_file() else []
    return {path: md5 for stage in stages for path, md5 in _listed(stage, "outs").items()}


def _search(where: list[ObjectPlace], needles: Needles) -> tuple[set[str], dict[str, list[str]]]:
    """Objects whose content names the data, and the content of folders; every object is read once, nearest first."""
    named, folders, seen = set(), {}, set()
    for place in where:
        for md5, path in place.objects.items():
            if md5 in seen:
                continue
            seen.add(md5)
            content = place.read(path)
            if md5.endswith(".dir"):
                folders[md5] = [str(entry["md5"]) for entry in json.loads(content or b"[]") if "md5" in entry]
            if needles.in_bytes(content):
                named.add(md5)
    return named, folders


def _stage_runs(root: Path, where: list[ObjectPlace], folders: Mapping[str, list[str]]) -> Iterator[StageRun]:
    def whole(listed: Mapping[str, str]) -> frozenset[str]:
        return frozenset({*listed.values(), *(md5 for folder in listed.values() for md5 in folders.get(folder, ()))})

    cached = (entry for place in where for entry in place.runs().values())
    locked = (stage for text in _locks(root) for stage in _stages(text))
    for stage in (*cached, *locked):
        yield StageRun(whole(_listed(stage, "deps")), whole(_listed(stage, "outs")))


def _written(runs: Iterable[StageRun]) -> set[str]:
    return {md5 for run in runs for md5 in run.writes}


def _listed(stage: Mapping[str, Any], key: str) -> dict[str, str]:
    return {str(e["path"]): str(e["md5"]) for e in stage.get(key) or () if isinstance(e, dict) and e.get("md5")}


def _stages(text: str) -> list[dict[str, Any]]:
    import yaml

    try:
        lock = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return []
    return [stage for stage in ((lock or {}).get("stages") or {}).values() if isinstance(stage, dict)]


def _locks(root: Path) -> Iterator[str]:
    """Every version of dvc.lock: the workspace's, and those of all commits of all branches, tags and experiments."""
    if (root / LOCK).is_file():
        yield (root / LOCK).read_text()
    if not (root / ".git").exists():
        return
    commits = _git(root, "rev-list", "--all", "--reflog", "--", LOCK).split()
    blobs = {_git(root, "rev-parse", "-q", "--verify", f"{commit}:./{LOCK}").strip() for commit in commits}
    for blob in sorted(blobs - {""}):
        yield _git(root, "cat-file", "blob", blob)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
