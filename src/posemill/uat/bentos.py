"""Bentos on disk, without importing BentoML: which there are, of which model, and a digest of all that is in one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.store.media import digest_of

SKIPPED = ("__pycache__",)  # Python writes it when a bento is served
CARDS = ("bento.yaml", "model.yaml")


@dataclass(frozen=True, slots=True)
class Bento:
    """A bento of the store: its tag, its folder, the folders of its models and their digests.json."""

    tag: str
    folder: Path
    models: tuple[Path, ...]
    digests: dict[str, Any]


def bento_store(home: Path) -> Path:
    """The folder of BentoML's store of this workspace; `home` is Settings.home."""
    from posemill.packaging.bento import environment

    return Path(environment(home)["BENTOML_HOME"])


def bentos(home: Path) -> list[Bento]:
    """Every bento of the store, by tag."""
    return list(_bentos(bento_store(home)))


def find_bento(home: Path, tag: str) -> Bento:
    """The bento of that tag. Errors: InputError when the store lacks it."""
    store = bento_store(home)
    for bento in _bentos(store, tag):
        return bento
    raise InputError(f"the store {store} has no bento {tag}: run `posemill serve` or `dvc repro` where it was built")


def bento_digest(bento: Bento) -> str:
    """SHA-256 over the names and bytes of all files of the bento and of its models: equal only if nothing changed.

    When BentoML wrote its own cards (bento.yaml, model.yaml) does not count: the same built again is the same.
    """
    whole = hashlib.sha256()
    for place, folder in (("bento", bento.folder), *((f"model {m.parent.name}", m) for m in bento.models)):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not set(SKIPPED) & set(p.parts)):
            whole.update(f"{place}\0{path.relative_to(folder).as_posix()}\0{_digest(path)}\n".encode())
    return whole.hexdigest()


def _digest(path: Path) -> str:
    if path.name not in CARDS:
        return digest_of(path)
    lines = [line for line in path.read_bytes().splitlines() if b"creation_time:" not in line]
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def _bentos(store: Path, tag: str = "*:*") -> Iterator[Bento]:
    import yaml

    for file in sorted((store / "bentos").glob(f"{tag.replace(':', '/')}/bento.yaml")):
        card = yaml.safe_load(file.read_text())
        models = tuple(store / "models" / str(m["tag"]).replace(":", "/") for m in card.get("models", ()))
        digests: dict[str, Any] = {}
        for model in models:
            if (model / "digests.json").is_file():
                digests |= json.loads((model / "digests.json").read_text())
        yield Bento(f"{file.parent.parent.name}:{file.parent.name}", file.parent, models, digests)
