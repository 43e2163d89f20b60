"""Export of a workspace's model for the browser, with golden clips of its test split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posemill.settings import Settings
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.packaging.browser import BrowserExport


def export(package: Path | None, out: Path) -> BrowserExport:
    """Write the export; see posemill.packaging.browser. package  None = build/package of the workspace."""
    from posemill.operations.golden_clips import golden_tracks
    from posemill.packaging.browser import export_browser, require_browser
    from posemill.prediction.locate import package_folder
    from posemill.prediction.model import ActivityModel

    inputs = Workspace(Settings.from_env().workspace)
    folder = package_folder(package or inputs.output("package"))
    model = ActivityModel.load(folder)
    require_browser(model.features)
    return export_browser(folder, out, model, golden_tracks(inputs, model))
