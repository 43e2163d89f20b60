"""A workspace seen from a notebook: its parameters, stage outputs, model and tracks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import InputError
from posemill.settings import Settings

if TYPE_CHECKING:
    from posemill.estimation.estimator import PoseEstimator
    from posemill.params import Params
    from posemill.pose.track import MediumTracks
    from posemill.prediction.model import ActivityModel
    from posemill.review.labelled import Labelled
    from posemill.stages.workspace import Workspace


def open_workspace(path: Path | str = ".") -> OpenWorkspace:
    """Open the workspace in a folder: the one with params.yaml and dvc.yaml. Nothing is started or written.

    Errors: InputError for a folder without params.yaml.

    Examples:
        >>> open_workspace().params.train.network      # doctest: +SKIP
        'tcn'
    """
    root = Path(path).resolve()
    if not (root / "params.yaml").is_file():
        raise InputError(f"{root} is no workspace: it has no params.yaml")
    return OpenWorkspace(Settings.from_env({**os.environ, "POSEMILL_WORKSPACE": str(root)}))


@dataclass(frozen=True)
class OpenWorkspace:
    """An open workspace. The database and the store are asked when tracks are.

    Examples:
        >>> workspace = posemill.open_workspace()      # doctest: +SKIP
        >>> workspace.tracks("5c7fd90a").draw("overlay.mp4")    # doctest: +SKIP
        >>> workspace.model().classes                  # doctest: +SKIP
    """

    settings: Settings

    @property
    def root(self) -> Path:
        """Folder of params.yaml."""
        return self.settings.workspace

    @cached_property
    def folders(self) -> Workspace:
        """Paths of params.yaml, expectations and stage outputs."""
        from posemill.stages.workspace import Workspace

        return Workspace(self.root)

    @cached_property
    def params(self) -> Params:
        """Parsed params.yaml. Errors: ParamsError that lists every fault."""
        from posemill import params

        return params.load(self.folders.params)

    def output(self, stage: str) -> Path:
        """Return the folder that a stage writes."""
        return self.folders.output(stage)

    def model(self) -> ActivityModel:
        """Load the packaged model of build/package. Errors: CheckpointError where there is none."""
        from posemill.prediction.model import ActivityModel

        return ActivityModel.load(self.output("package"))

    def estimator(self) -> PoseEstimator:
        """Load the pose estimator that params.yaml names."""
        from posemill.estimation.estimator import PoseEstimator

        return PoseEstimator(self.params.label.backend, params=self.params.label)

    def media(self) -> list[dict[str, Any]]:
        """List the labelled media: rows of the table `medium`, oldest first."""
        with self._labelled() as (labelled, _):
            return [dict(row) for row in labelled.rows.values()]

    def tracks(self, medium: str) -> MediumTracks:
        """Return the tracks of a medium, with people's corrections; `medium` is the beginning of its digest.

        Errors: InputError for an unknown medium, or one that is not labelled with the parameters of params.yaml.
        """
        from dataclasses import replace

        from posemill.review.labelled import whole_digest

        with self._labelled() as (labelled, connection):
            digest = whole_digest(connection, medium)
            tracks = labelled.tracks(digest)
            return replace(tracks, source=labelled.path(digest)) if digest in labelled.videos else tracks

    @contextmanager
    def _labelled(self) -> Iterator[tuple[Labelled, Any]]:
        from posemill.review.labelled import open_labelled
        from posemill.store.postgres import opened_engine

        with opened_engine(self.settings) as engine, engine.connect() as connection:
            yield open_labelled(self.settings, connection), connection

    def __repr__(self) -> str:
        return f"open_workspace({str(self.root)!r})"
