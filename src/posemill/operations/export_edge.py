"""Export of a workspace's model for the edge, with golden clips of its test split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
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
    from posemill.prediction.model import ActivityModel


def export(
    package: Path | None,
    out: Path,
    pose: str | None,
    long_edge_px: int | None,
    wheelhouse: bool = False,
    golden: Sequence[GoldenTrack] | None = None,
    precision: str = "f32",
    pose_precision: str = "f32",
    applications: Sequence[tuple[str, str | None]] = (),
    activity: bool = True,
) -> EdgeExport:
    """Write the export; see posemill.packaging.edge.

    package  None = build/package of the workspace.
    pose     posenet, movenet or movenet-many; None = as the model's videos were labelled.
    golden   None = clips of the workspace's test split.
    precision, pose_precision  of the activity and of the pose network: f32, fp16 or int8.
    applications  names, each with a preset or a YAML file of parameters, or None.
    activity  False = applications only, no activity model; the pose network is MoveNet then, unless `pose` names one.
    Errors: GateError where a lower precision costs accuracy on held-out clips.
    """
    from posemill.operations.golden_clips import golden_tracks
    from posemill.packaging.edge import choose_pose, export_edge, require_edge
    from posemill.packaging.edge_applications import choose_application
    from posemill.prediction.locate import package_folder
    from posemill.prediction.model import ActivityModel

    if long_edge_px is not None:
        try:
            fits_stride(long_edge_px)
        except ValueError as exc:
            raise InputError(f"--long-edge: {exc}") from exc
    chosen = [choose_application(name, preset) for name, preset in applications]
    if not activity:
        if package is not None or precision != "f32" or pose_precision != "f32":
            raise InputError(
                "--no-activity exports no activity model, and without one no accuracy gate can be passed: leave out "
                "--model, --precision and --pose-precision"
            )
        choice = choose_pose({}, pose or "movenet", long_edge_px)
        return export_edge(None, out, (), choice, LabelParams().tracking.model_dump(), wheelhouse, None, chosen)
    inputs = Workspace(Settings.from_env().workspace)
    folder = package_folder(package or inputs.output("package"))
    model = ActivityModel.load(folder)
    require_edge(model)
    labeller = _labeller(folder)
    tracking = LabelParams().tracking.model_dump() | (labeller.get("params") or {}).get("tracking", {})
    choice = choose_pose(labeller, pose, long_edge_px)
    tracks = golden or golden_tracks(inputs, model)
    lower = partial(_lower, inputs, model, precision, pose_precision)
    return export_edge(folder, out, tracks, choice, tracking, wheelhouse, lower, chosen)


def _lower(
    inputs: Workspace, model: ActivityModel, precision: str, pose_precision: str, folder: Path, content: dict[str, Any]
) -> dict[str, Any]:
    """Write what is asked for in lower precision into an export; returns what changes in edge.json.

    What the network replaces stays out of the export, so that no device runs it by mistake.
    """
    from posemill.edge.model import MODEL, Tracking
    from posemill.edge.pose import PoseDescription
    from posemill.operations.edge_precision import ACTIVITY_FILE, lower_activity, lower_posenet

    changed: dict[str, Any] = {"gates": []}
    if precision != "f32":
        gate = lower_activity(folder / MODEL, precision, inputs).require()
        changed |= {"gates": [gate.to_json()], "activity_file": ACTIVITY_FILE.format(precision)}
    if pose_precision != "f32":
        before, tracking = PoseDescription.of(content["pose"]), Tracking(**content["tracking"])
        described, gate = lower_posenet(folder, before, pose_precision, model, tracking)
        changed["gates"].append(gate.require().to_json())
        changed["pose"] = asdict(described)
        for path in (folder / str(before.posenet), (folder / str(before.posenet)).with_suffix(".bin")):
            path.unlink()
    return changed


def _labeller(folder: Path) -> dict[str, Any]:
    path = folder / "labeller.json"
    return dict(json.loads(path.read_text())) if path.is_file() else {}
