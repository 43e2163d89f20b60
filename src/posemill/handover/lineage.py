"""Lineage of a bundle as plain JSON and CSV: the graph of stages, the packaged files, clips, media and verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import InputError
from posemill.handover.code import Code
from posemill.handover.verifier.lineage import CLIPS, CODE_FILE, GRAPH, MEDIA, VERDICTS
from posemill.stages.workspace import STAGES, Workspace
from posemill.text_file import spreadsheet_safe

if TYPE_CHECKING:
    import polars as pl

WINDOWS = "lineage/windows.csv"
# what the packaged model was made of (keys of digests.json) → where a bundle has it
PACKAGE_FILES = {
    "model": "models/activity.onnx",
    "openvino": "models/activity.xml",
    "openvino_weights": "models/activity.bin",
    "features": "models/features.json",
    "classes": "models/classes.json",
    "calibration": "models/calibration.json",
    "labeller": "models/labeller.json",
    "snapshot": "workspace/build/snapshot/snapshot.json",
    "clips": "workspace/build/validate/clips.parquet",
    "lineage": "workspace/build/package/lineage.parquet",
    "reference": "workspace/build/package/reference.json",
    "windows_index": "workspace/build/prepare/index.parquet",
    "weights": "models/network.safetensors",
    "metrics": "workspace/build/evaluate/metrics.json",
    "params": "workspace/params.yaml",
}
MEDIA_COLUMNS = ("medium", "kind", "dataset", "width_px", "height_px", "fps", "frames", "duration_s")


def write_lineage(inputs: Workspace, folder: Path, code: Code) -> None:
    """Write lineage/ of a bundle into its folder. Errors: InputError where dvc.lock lacks a stage."""
    (folder / "lineage").mkdir(parents=True, exist_ok=True)
    digests = json.loads((inputs.output("package") / "digests.json").read_text())
    named = {key: PACKAGE_FILES[key] for key, value in digests.items() if value and key in PACKAGE_FILES}
    graph = {"stages": _stages(inputs.root / "dvc.lock"), "package": named}
    (folder / GRAPH).write_text(json.dumps(graph, indent=1) + "\n")
    (folder / CODE_FILE).write_text(json.dumps(code.to_json(), indent=1) + "\n")
    clips, media = read_clips(inputs), read_media(inputs)
    tables = {CLIPS: clips, MEDIA: media, VERDICTS: read_verdicts(inputs), WINDOWS: read_windows(inputs)}
    for name, table in tables.items():
        _safe(table).write_csv(folder / name)


def _safe(table: pl.DataFrame) -> pl.DataFrame:
    """Return a table whose texts no spreadsheet runs; whoever gets a bundle opens it in one."""
    import polars as pl

    texts = [name for name, kind in table.schema.items() if kind == pl.String]
    return table.with_columns(
        pl.Series(name, [spreadsheet_safe(cell) for cell in table[name].to_list()], pl.String) for name in texts
    )


def read_clips(inputs: Workspace) -> pl.DataFrame:
    """Return the clips that the model was trained and judged on, with their split; one row a clip."""
    import polars as pl

    return pl.read_parquet(inputs.output("package") / "lineage.parquet").sort("clip")


def read_media(inputs: Workspace) -> pl.DataFrame:
    """Return the media of the data set, without the names of their files."""
    import polars as pl

    media = pl.read_parquet(inputs.output("ingest") / "media.parquet")
    return media.select(name for name in MEDIA_COLUMNS if name in media.columns).sort("medium")


def read_verdicts(inputs: Workspace) -> pl.DataFrame:
    """Return the verdict on every clip of the test split: clip, medium, activity, predicted, confidence."""
    import polars as pl

    rows = pl.read_parquet(inputs.output("evaluate") / "predictions.parquet")
    rows = rows.filter(pl.col("window").is_null(), pl.col("split") == "test")
    return rows.select("clip", "medium", "activity", "predicted", "confidence").sort("clip")


def read_windows(inputs: Workspace) -> pl.DataFrame:
    """Return which window of windows.npy is of which clip and split, in the order of the rows."""
    import polars as pl

    return pl.read_parquet(inputs.output("prepare") / "index.parquet").select("window", "clip", "start_s", "split")


def _stages(lock: Path) -> list[dict[str, Any]]:
    """Stages of dvc.lock in the order in which they run."""
    import yaml

    if not lock.is_file():
        raise InputError(f"no {lock}: a workspace is handed over after `dvc repro` (or `posemill demo`)")
    locked = yaml.safe_load(lock.read_text())["stages"]
    if missing := [name for name in STAGES if name not in locked]:
        raise InputError(f"{lock} has no stage {missing[0]}: run `dvc repro` to the end, then hand over")
    return [
        {
            "name": name,
            "params": locked[name].get("params", {}),
            "deps": [_entry(e) for e in locked[name].get("deps", ())],
            "outs": [_entry(e) for e in locked[name].get("outs", ())],
        }
        for name in STAGES
    ]


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: entry[key] for key in ("path", "md5", "nfiles") if key in entry}
