"""snapshot: an inventory of the database and of each stage's code, in small files that change only when these do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from posemill.errors import InputError
from posemill.params import Params, load
from posemill.params.snapshot import SnapshotParams
from posemill.settings import Settings
from posemill.stages.code_version import write_code_digests
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace


class SnapshotResult(StageResult):
    """Counts of datasets, media and clips, and their digest."""

    stage: str = "snapshot"
    datasets: int
    media: int
    clips: int
    labelled_clips: int
    digest: str


def run(params: SnapshotParams, inputs: Workspace, outputs: Path, settings: Settings | None = None) -> SnapshotResult:
    """Write snapshot.json: counts per dataset, the newest change, the digest of all clips and their media.

    Beside it, code/ has for every later stage the digests of the code that it runs.

    The input is the database of the settings. Equal contents give equal bytes, so an unchanged database stops the
    graph here. Errors: InputError for a dataset that does not exist, and for an empty database.
    """
    from posemill.store.catalog import dataset_names, inventory
    from posemill.store.postgres import transaction

    with transaction(settings or Settings.from_env()) as connection:
        known = dataset_names(connection)
        unknown = sorted(set(params.datasets) - set(known))
        if unknown:
            raise InputError(f"snapshot.datasets names {', '.join(unknown)}; the database has {', '.join(known)}")
        held = inventory(connection, params.datasets)
    datasets = [{k: v for k, v in row.items() if k != "newest"} for row in held.datasets]
    if not datasets:
        raise InputError("the database holds no media: add some with `posemill add`, `import` or `synth`")
    listed = list(params.datasets) or [row["dataset"] for row in datasets]
    content = {"selected": listed, "datasets": datasets, "newest_change": held.newest_change, "digest": held.digest}
    _write(outputs / "snapshot.json", content)
    everything = load(inputs.params) if inputs.params.is_file() else Params()
    write_code_digests(outputs / "code", everything, inputs)
    total = {key: sum(int(row[key]) for row in datasets) for key in ("media", "clips", "labelled_clips")}
    return SnapshotResult(datasets=len(datasets), digest=held.digest, **total)


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
