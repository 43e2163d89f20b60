"""Location of a packaged model: the package's own folder, or the one that a bento pins in BentoML's store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posemill.errors import CheckpointError

ALIAS = "posemill-activity"  # of the model in a bento


def package_folder(folder: Path) -> Path:
    """Return the folder with the model's files: of a bento the model that it pins, else the folder itself.

    A bento names its model by tag; the files are in its own models/ (where it was exported) or in the store beside it.
    Errors: CheckpointError for a bento without that model.
    """
    if not (folder / "bento.yaml").is_file():
        return folder
    tag = _pinned(folder / "bento.yaml")
    stores = [folder / "models", *(parent / "models" for parent in folder.resolve().parents[2:3])]
    candidates = [store / tag.replace(":", "/") for store in stores]
    located = next((path for path in candidates if path.is_dir()), None)
    if located is None:
        raise CheckpointError(f"{folder}: its model {tag} is in none of {', '.join(map(str, candidates))}")
    return located


def _pinned(path: Path) -> str:
    import yaml

    content: Any = yaml.safe_load(path.read_text()) or {}
    for model in content.get("models") or []:
        if model.get("alias") == ALIAS or str(model.get("tag", "")).partition(":")[0] == ALIAS:
            return str(model["tag"])
    raise CheckpointError(f"{path} pins no model {ALIAS}: is it a bento of posemill?")
