"""Export for the edge: one folder or archive with model, pose network, golden clips, launcher and source.

posemill-edge       the launcher; install.sh, posemill-edge.service, Containerfile, cameras.toml, README.md beside it
edge.json           what is in it, and the SHA-256 of every file
model/              activity.onnx, features.json, classes.json, calibration.json, golden.json …
apps/               activity models of applications, where they have other ones than those in lib/
pose/               pose network
lib/                the part of posemill's source that posemill-edge imports, and paho (MQTT)
licences/           of everything in it
wheels/             numpy, OpenCV, OpenVINO, where asked for
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

from posemill.atomic import atomic_path
from posemill.code_digest import PACKAGE, import_closure, source_file
from posemill.edge.applications import SECTION
from posemill.edge.manifest import LIBRARY, write_manifest
from posemill.edge.model import MODEL, open_classifier
from posemill.errors import InputError, PosemillError
from posemill.estimation.registry import WEIGHTS
from posemill.packaging.edge_applications import (
    ApplicationChoice,
    data_files,
    model_folders,
    note_of,
    require_features,
    require_once,
    section_of,
)
from posemill.packaging.export import posenet_to_openvino
from posemill.packaging.golden import write_golden
from posemill.prediction.classifier import DIGESTS, FILES
from posemill.prediction.golden import FILE as GOLDEN
from posemill.prediction.golden import GoldenTrack
from posemill.prediction.model import ActivityModel

ENTRY = "posemill.edge.main"
TEMPLATES = Path(__file__).parent / "edge_files"
ARCHIVES = {".tar.gz": "gztar", ".tgz": "gztar", ".zip": "zip"}
PACKAGES = ("numpy", "opencv-python-headless", "openvino")  # that the launcher needs
MODEL_FILES = (*FILES.values(), DIGESTS, "card.md")
WHEELS_S = 600.0
# labeller's backend → the pose network of the edge that gives the same keypoints, without its code
SAME_WEIGHTS: Mapping[str, str] = {
    "openpifpaf": "posenet",
    "posenet": "posenet",
    "posenet-one": "posenet",
    "movenet": "movenet",
    "movenet-many": "movenet-many",
}
Lower = Callable[[Path, dict[str, Any]], dict[str, Any]]
POSE_FIELDS = ("long_edge_px", "instance_threshold", "keypoint_threshold", "seed_threshold")


@dataclass(frozen=True, slots=True)
class PoseChoice:
    """The pose network of an export; see posemill.edge.pose.PoseDescription.

    network   posenet, movenet or movenet-many.
    settings  values of POSE_FIELDS.
    """

    network: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EdgeExport:
    """A written export: its path, the digest of edge.json, golden clips, size in MB, and a warning, if any."""

    path: Path
    manifest_sha256: str
    clips: int
    size_mb: float
    note: str | None = None


def choose_pose(labeller: Mapping[str, Any], network: str | None, long_edge_px: int | None) -> PoseChoice:
    """Return the pose network for a model: as its videos were labelled, unless another is asked for.

    labeller  content of labeller.json.
    Errors: InputError where its labeller cannot run on an edge device and no network is named.
    """
    params = labeller.get("params") or {}
    backend, checkpoint = params.get("backend", labeller.get("backend")), params.get("checkpoint")
    if network is None:
        network = SAME_WEIGHTS.get(str(backend))
        if network is None or (network == "posenet" and checkpoint != "posenet"):
            raise InputError(
                f"this model's videos were labelled by {backend} ({checkpoint}), which an edge export cannot carry: "
                "choose --pose posenet, movenet or movenet-many, and check the accuracy with it"
            )
    from posemill.params.label import LabelParams

    defaults = LabelParams().model_dump() | params
    settings = {name: defaults[name] for name in POSE_FIELDS}
    return PoseChoice(network, settings | ({} if long_edge_px is None else {"long_edge_px": long_edge_px}))


def export_edge(
    package: Path | None,
    target: Path,
    golden: Iterable[GoldenTrack],
    pose: PoseChoice,
    tracking: Mapping[str, Any],
    wheelhouse: bool = False,
    lower: Lower | None = None,
    applications: Sequence[ApplicationChoice] = (),
) -> EdgeExport:
    """Write an export to a folder, or to an archive where the name ends in .tar.gz, .tgz or .zip.

    package   folder of a packaged model; None = applications only.
    golden    tracks for golden.json.
    tracking  values of the tracking section.
    lower     writes networks of lower precision into the folder; returns what it changes in edge.json.
    applications  run over the tracked poses of every source.
    Errors: InputError for a folder that is not empty, a model that the edge cannot run, or nothing to run at all.
    """
    classes = _classes(package)
    require_once(choice.name for choice in applications)
    if package is None and not applications:
        raise InputError("an export without an activity model needs an application: add --app NAME")
    kind = next((kind for ending, kind in ARCHIVES.items() if target.name.endswith(ending)), None)
    if kind is None and target.exists() and any(target.iterdir()):
        raise InputError(f"{target} is not empty: name a new folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".edge-") as temporary:
        folder = Path(temporary) / "posemill-edge"
        for name in ("", "pose", LIBRARY, "licences"):
            (folder / name).mkdir()
        places = model_folders(applications) | ({} if package is None else {MODEL: package})
        for place, source in places.items():
            _write_model(source, folder / place)
        content: dict[str, Any] = {
            "posemill": version("posemill"),
            "classes": classes,
            "tracking": dict(tracking),
            "pose": _write_pose(folder / "pose", pose),
            SECTION: section_of(applications),
            "licence": "Apache-2.0; paho-mqtt: EPL-2.0 OR BSD-3-Clause",
        }
        content |= lower(folder, content) if lower is not None else {}
        clips = 0 if package is None else _write_golden(folder / MODEL, content.get("activity_file"), golden)
        write_library(folder / LIBRARY, applications)
        _write_files(folder)
        if wheelhouse:
            _write_wheels(folder)
        digest = write_manifest(folder, content)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if kind is None:
            _place(folder, target)
        else:
            _pack(folder, target, kind)
    return EdgeExport(target, digest, clips, round(size / 1e6, 1), note_of(applications, pose.network))


def require_edge(model: ActivityModel) -> None:
    """Raise InputError where a model needs what the edge does not have, in one sentence."""
    features = model.features
    require_features(features)
    if features.window.sampling == "clip":
        raise InputError(
            "this model reads whole clips (prepare.window.sampling: clip), and a camera has no end: train it with "
            "sampling: time"
        )
    from posemill.pose.skeleton import COCO_17, conversion_index

    conversion_index(COCO_17, features.skeleton)  # SkeletonError says which keypoint is missing


def write_library(folder: Path, applications: Sequence[ApplicationChoice] = ()) -> None:
    """Copy the part of posemill's source that the launcher and applications import, with their data, and paho."""
    modules = import_closure([ENTRY, *(choice.module for choice in applications)], deferred=False)
    code = [path for module in modules if (path := source_file(module)) is not None]
    page = list((PACKAGE / "edge" / "page").iterdir())
    for path in (PACKAGE / "__init__.py", *code, *page, *data_files(applications)):
        _copy(path, folder / PACKAGE.name / path.relative_to(PACKAGE))
    for file in distribution("paho-mqtt").files or []:
        if file.suffix == ".py":
            _copy(Path(str(file.locate())), folder / file)


def _classes(package: Path | None) -> list[str]:
    """Activities of a packaged model that the edge can run; none without one."""
    if package is None:
        return []
    model = ActivityModel.load(package)
    require_edge(model)
    return list(model.classes)


def _write_golden(folder: Path, file: str | None, golden: Iterable[GoldenTrack]) -> int:
    """Write golden.json of a model's folder; returns its number of clips."""
    return len(write_golden(folder / GOLDEN, open_classifier(folder, file=file), golden))


def _write_model(package: Path, folder: Path) -> None:
    for name in MODEL_FILES:
        if (package / name).is_file():
            _copy(package / name, folder / name)


def _write_pose(folder: Path, pose: PoseChoice) -> dict[str, Any]:
    """Write the files of the pose network; returns the pose section of edge.json."""
    section: dict[str, Any] = {"network": pose.network, **pose.settings}
    if pose.network in ("posenet", "movenet-many"):
        posenet_to_openvino(folder / "posenet.xml")
        section["posenet"] = "pose/posenet.xml"
    if pose.network in ("movenet", "movenet-many"):
        _copy(WEIGHTS / "movenet-lightning.onnx", folder / "movenet.onnx")
        section["movenet"] = "pose/movenet.onnx"
    return section


def _write_files(folder: Path) -> None:
    for path in TEMPLATES.iterdir():
        if path.is_file():
            _copy(path, folder / path.name)
    for name in ("posemill-edge", "install.sh"):
        (folder / name).chmod(0o755)
    pins = "".join(f"{name}=={version(name)}\n" for name in PACKAGES)
    (folder / "requirements.txt").write_text(pins)
    _copy(WEIGHTS / "PROVENANCE.md", folder / "licences" / "pose-networks.md")
    licence = PACKAGE.parents[1] / "LICENSE"
    if licence.is_file():
        _copy(licence, folder / "licences" / "posemill-LICENSE")
    for file in distribution("paho-mqtt").files or []:
        if "licenses" in file.parts:
            _copy(Path(str(file.locate())), folder / "licences" / f"paho-{file.name}")


def _write_wheels(folder: Path) -> None:
    """Download the wheels of the three packages, through pip as it is configured here."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "-d", str(folder / "wheels")]
    try:
        finished = subprocess.run(
            [*command, "-r", str(folder / "requirements.txt")], capture_output=True, text=True, timeout=WHEELS_S
        )
    except subprocess.TimeoutExpired as exc:
        raise PosemillError(f"downloading the wheels took more than {WHEELS_S:.0f} s and was stopped") from exc
    if finished.returncode:
        reason = (finished.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise PosemillError(f"downloading the wheels failed: {reason}; export without --wheelhouse")


def _place(folder: Path, target: Path) -> None:
    if target.exists():
        target.rmdir()
    folder.replace(target)


def _pack(folder: Path, target: Path, kind: str) -> None:
    with atomic_path(target) as part:
        made = Path(shutil.make_archive(str(folder), kind, folder.parent, folder.name))
        made.replace(part)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
