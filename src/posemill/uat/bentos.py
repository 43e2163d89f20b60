"""Inventory of BentoML's store: bentos, their models and content digests, read without importing BentoML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.media import digest_of

SKIPPED = ("__pycache__",)  # written by Python when a bento is served
CARDS = ("bento.yaml", "model.yaml")


@dataclass(frozen=True, slots=True)
class Bento:
    """A bento of the store: its tag, its folder, the folders of its models and their digests.json."""

    tag: str
    folder: Path
    models: tuple[Path, ...]
    digests: dict[str, Any]


def bento_store(settings: Settings) -> Path:
    """Folder of this workspace's BentoML store."""
    from posemill.packaging.bento import environment

    return Path(environment(settings.home)["BENTOML_HOME"])


def list_bentos(settings: Settings) -> list[Bento]:
    """All bentos of the store, sorted by tag."""
    return list(_bentos(bento_store(settings)))


def find_bento(settings: Settings, tag: str) -> Bento:
    """Return the bento with that tag. Errors: InputError if the store lacks it."""
    store = bento_store(settings)
    for bento in _bentos(store, tag):
        return bento
    raise InputError(f"the store {store} has no bento {tag}: run `posemill serve` or `dvc repro` where it was built")


def bento_digest(bento: Bento) -> str:
    """SHA-256 over names and bytes of all files of a bento and its models.

    Creation times in BentoML's own cards (bento.yaml, model.yaml) are left out: a rebuild of the same content has the
    same digest.
    """
    total = hashlib.sha256()
    for part, folder in (("bento", bento.folder), *((f"model {m.parent.name}", m) for m in bento.models)):
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not set(SKIPPED) & set(p.parts)):
            total.update(f"{part}\0{path.relative_to(folder).as_posix()}\0{_digest(path)}\n".encode())
    return total.hexdigest()


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
