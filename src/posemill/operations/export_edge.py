"""Export of a workspace's model for the edge, with golden clips of its test split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import InputError
from posemill.params.label import LabelParams
from posemill.params.tta import fits_stride
from posemill.settings import Settings
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.packaging.edge import EdgeExport
    from posemill.prediction.golden import GoldenTrack


def export(
    package: Path | None,
    out: Path,
    pose: str | None,
    long_edge_px: int | None,
    wheelhouse: bool = False,
    golden: Sequence[GoldenTrack] | None = None,
) -> EdgeExport:
    """Write the export; see posemill.packaging.edge.

    package  None = build/package of the workspace.
    pose     posenet, movenet or movenet-many; None = as the model's videos were labelled.
    golden   None = clips of the workspace's test split.
    """
    from posemill.operations.golden_clips import golden_tracks
    from posemill.packaging.edge import choose_pose, export_edge, require_edge
    from posemill.prediction.locate import package_folder
    from posemill.prediction.model import ActivityModel

    if long_edge_px is not None:
        try:
            fits_stride(long_edge_px)
        except ValueError as exc:
            raise InputError(f"--long-edge: {exc}") from exc
    inputs = Workspace(Settings.from_env().workspace)
    folder = package_folder(package or inputs.output("package"))
    model = ActivityModel.load(folder)
    require_edge(model)
    labeller = _labeller(folder)
    tracking = LabelParams().tracking.model_dump() | (labeller.get("params") or {}).get("tracking", {})
    choice = choose_pose(labeller, pose, long_edge_px)
    return export_edge(folder, out, golden or golden_tracks(inputs, model), choice, tracking, wheelhouse)


def _labeller(folder: Path) -> dict[str, Any]:
    path = folder / "labeller.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}
