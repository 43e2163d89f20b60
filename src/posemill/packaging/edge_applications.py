"""Applications of an export for the edge: chosen and validated here, written as JSON that needs no pydantic there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from posemill.applications.presets import load_params
from posemill.applications.protocol import StreamFacts
from posemill.applications.registry import APPLICATIONS, find_application
from posemill.code_digest import PACKAGE, source_file
from posemill.edge.applications import FOLDER, ExportedApplication
from posemill.errors import InputError
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.skeleton import COCO_17
from posemill.prediction.locate import package_folder
from posemill.prediction.model import ActivityModel

PRESETS = "presets"  # of an application: their values are in the export, they are not


@dataclass(frozen=True, slots=True)
class ApplicationChoice:
    """An application for an export.

    params  all its parameters by name, validated, as JSON values.
    models  parameter → folder of a packaged activity model, which is copied.
    """

    name: str
    params: Mapping[str, Any]
    models: Mapping[str, Path]

    @property
    def module(self) -> str:
        """Module of its class."""
        return APPLICATIONS[self.name].target.partition(":")[0]


def choose_application(name: str, preset: str | None = None) -> ApplicationChoice:
    """Validate an application with the parameters of a preset or a YAML file (None: its defaults) for the edge.

    Errors: InputError where there is no such application or preset, a parameter is wrong, or it needs what the edge
    does not have.
    """
    kind = find_application(name)
    if reason := APPLICATIONS[name].not_at_the_edge:
        runnable = ", ".join(each for each, entry in APPLICATIONS.items() if not entry.not_at_the_edge)
        raise InputError(f"application {name} does not run on an edge device: {reason}; {runnable} do")
    application = kind.from_values(load_params(name, preset) if preset else {})
    params, model = application.params.model_dump(mode="json"), application.params_model()
    own = {key: Path(params[key]) for key in model.local_files if params[key] != model.model_fields[key].default}
    folders = {key: package_folder(path) for key, path in own.items() if params[key] is not None}
    for folder in folders.values():
        require_features(ActivityModel.load(folder).features)
    application.start(StreamFacts(COCO_17, 640, 360))  # its models and skeleton fit, or it says why not
    return ApplicationChoice(name, params, folders)


def require_features(features: FeaturePipeline) -> None:
    """Raise InputError, in one sentence, where an activity model reads what the edge does not have."""
    if features.coordinates == 3:
        raise InputError(
            "this model reads x, y and z, and the pose networks of an edge export give x and y only: train one with "
            "2-D tracks"
        )
    if features.people == 2:
        raise InputError(
            "this model reads pairs of people, and the edge runtime predicts each person alone: train one with "
            "prepare.people: 1"
        )
    if features.window.smooth_s > 0 and features.window.smoothing == "butterworth":
        raise InputError(
            "this model smooths its windows with butterworth, which needs SciPy: train it with "
            "prepare.window.smoothing: kalman, which damps as much, or gaussian"
        )


def require_once(names: Iterable[str]) -> None:
    """Raise InputError where an application is named twice."""
    seen = list(names)
    if twice := sorted({name for name in seen if seen.count(name) > 1}):
        raise InputError(f"application {', '.join(twice)} is named twice: an export has each once")


def note_of(choices: Iterable[ApplicationChoice], network: str) -> str | None:
    """Return a sentence where a pose network does not suit an application; None where all is well."""
    if network == "movenet" or all(choice.name != "fall" for choice in choices):
        return None
    return (
        "the fall alarm misses most falls with PoseNet, which loses people who lie: export with --pose movenet where "
        "one person at a time is watched"
    )


def section_of(choices: Sequence[ApplicationChoice]) -> list[dict[str, Any]]:
    """Return the section `applications` of edge.json."""
    return [asdict(ExportedApplication(c.name, c.params, {key: _place(c, key) for key in c.models})) for c in choices]


def model_folders(choices: Sequence[ApplicationChoice]) -> dict[str, Path]:
    """Return path in the export → folder of the packaged activity model that belongs there."""
    return {_place(choice, key): folder for choice in choices for key, folder in choice.models.items()}


def data_files(choices: Sequence[ApplicationChoice]) -> list[Path]:
    """Return the files beside the code of applications, such as weights."""
    rooms = [path.parent for choice in choices if (path := source_file(choice.module)) is not None]
    files = [path for room in rooms for path in sorted(room.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    return [path for path in files if path.suffix != ".py" and PRESETS not in path.relative_to(PACKAGE).parts]


def _place(choice: ApplicationChoice, parameter: str) -> str:
    return f"{FOLDER}/{choice.name}/{parameter}"
