"""Applications on the edge: exported with validated parameters, run over the tracked poses of every source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posemill.applications.activity_model import OpenModel
from posemill.applications.protocol import (
    Application,
    Event,
    Measurement,
    Output,
    StreamFacts,
    TrackedFrame,
    TrackedPose,
)
from posemill.applications.registry import find_application
from posemill.edge.message import EdgeEvent
from posemill.errors import CheckpointError
from posemill.estimation.types import Pose
from posemill.pose.skeleton import Skeleton

SECTION, FOLDER = "applications", "apps"  # of edge.json, and where their own models are
Applications = Callable[[], Sequence[Application[Any]]]  # new ones, for a source


@dataclass(frozen=True, slots=True)
class ExportedApplication:
    """An application of an export: an entry of `applications` in edge.json.

    params  all its parameters by name, validated when it was exported.
    models  parameter → folder in the export, of packaged activity models.
    """

    name: str
    params: Mapping[str, Any]
    models: Mapping[str, str]

    def new(self, folder: Path, open_model: OpenModel) -> Application[Any]:
        """Build it from an exported folder."""
        values = {**self.params, **{parameter: str(folder / place) for parameter, place in self.models.items()}}
        application = find_application(self.name).from_validated(values)
        application.open_model = open_model
        return application


def applications_of(folder: Path, manifest: Mapping[str, Any], open_model: OpenModel) -> Applications:
    """Return what builds the applications of an exported folder.

    open_model  opens a packaged activity model; called again for every source.
    Errors: CheckpointError where edge.json does not fit this runtime.
    """
    try:
        exported = [ExportedApplication(**entry) for entry in manifest.get(SECTION, ())]
        for each in exported:
            find_application(each.name)
    except (TypeError, ImportError) as exc:
        raise CheckpointError(
            f"{folder}/edge.json: its applications do not fit this runtime ({exc}): export again"
        ) from exc
    return lambda: [each.new(folder, open_model) for each in exported]


class ApplicationEvents:
    """The applications of one source: tracked poses in, events and measurements out.

    They begin with the first frame and, after `end_all`, with the next one.

    Args:
        applications: new ones.
        skeleton: of the poses.
        source: name of the source.
    """

    def __init__(self, applications: Sequence[Application[Any]], skeleton: Skeleton, source: str) -> None:
        self._applications, self._skeleton, self._source = applications, skeleton, source
        self._begun = False

    def __bool__(self) -> bool:
        return bool(self._applications)

    def update(
        self, frame: int, time_s: float, people: Mapping[int, Pose], size_px: tuple[int, int]
    ) -> list[EdgeEvent | Measurement]:
        """Take the next frame's people by number; size_px is width and height of the picture."""
        if not self._begun:
            self._begun = True
            for application in self._applications:
                application.start(StreamFacts(self._skeleton, *size_px, self._source))
        poses = {person: TrackedPose(pose.xy, pose.confidence, pose.z) for person, pose in sorted(people.items())}
        tracked = TrackedFrame(frame, time_s, poses)
        return [_sent(output) for application in self._applications for output in application.update(tracked)]

    def end_all(self) -> list[EdgeEvent | Measurement]:
        """End the stream of every application: what was on its way is given."""
        if not self._begun:
            return []
        self._begun = False
        return [_sent(output) for application in self._applications for output in application.finish()]

    def texts(self) -> dict[int, str]:
        """Person → what a preview shows of them."""
        texts: dict[int, str] = {}
        for application in self._applications if self._begun else ():
            for note in application.annotations():
                if note.person is not None:
                    texts[note.person] = f"{texts[note.person]}, {note.text}" if note.person in texts else note.text
        return texts


def _sent(output: Output) -> EdgeEvent | Measurement:
    if not isinstance(output, Event):
        return output
    return EdgeEvent(
        application=output.application,
        kind=output.kind,
        person=output.person,
        time_s=output.time_s,
        start_s=output.start_s,
        message=output.message,
        end_s=output.end_s,
        severity=output.severity.value,
        details=dict(output.details),
    )
