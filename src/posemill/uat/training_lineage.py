"""Training lineage of a model version: its clips, from the store or from DVC's cache of its build."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store.lineage import FILE, read_lineage, write_lineage
from posemill.store.media import MediaStore
from posemill.uat.locks import find_lock

if TYPE_CHECKING:
    import polars as pl

INDEX, CLIPS = "build/prepare/index.parquet", "build/validate/clips.parquet"


def training_lineage(settings: Settings, digests: Mapping[str, str]) -> pl.DataFrame:
    """Return the lineage of the model version with these digests, see store.lineage.

    Errors: InputError if neither the store nor DVC's cache has it.
    """
    if digest := digests.get("lineage"):
        return read_lineage(MediaStore(settings.store_url), digest)
    inputs = {path: digests.get(name) for path, name in ((INDEX, "windows_index"), (CLIPS, "clips"))}
    lock = find_lock(settings, {path: digest for path, digest in inputs.items() if digest})
    if lock is None or not set(inputs) <= set(lock.files):
        raise InputError(
            "it was packaged before lineage was recorded, and its build is not in DVC's cache: `dvc fetch`"
        )
    with tempfile.TemporaryDirectory() as folder:
        write_lineage(Path(folder) / FILE, lock.files[INDEX], lock.files[CLIPS])
        return _read(Path(folder) / FILE)


def _read(path: Path) -> pl.DataFrame:
    import polars as pl

    return pl.read_parquet(path)
