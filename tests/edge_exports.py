"""An export for the edge of a small model, and its launcher, run where no other package can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packaged import walking_track, write_package
from posemill.packaging.edge import PoseChoice, export_edge
from posemill.params.label import LabelParams
from posemill.prediction.golden import GoldenTrack

ALLOWED = ("numpy", "cv2", "openvino", "posemill", "paho", "sitecustomize")
BLOCKER = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root not in sys.stdlib_module_names and root not in {ALLOWED!r} and not root.startswith("_"):
            raise ModuleNotFoundError(f"{{name}} is blocked, as on a device", name=name)
sys.meta_path.insert(0, Blocker())
"""


def small_export(
    folder: Path, network: str = "posenet", package: Path | None = None, activity: bool = True, **more: Any
) -> Path:
    """Export a small model of random weights, a package that is there, or none, to a new folder below `folder`."""
    if package is None and activity:
        package = folder / "package"
        package.mkdir(parents=True)
        write_package(package)
    label = LabelParams()
    settings = {"long_edge_px": 257, "instance_threshold": 0.15, "keypoint_threshold": 0.0, "seed_threshold": 0.2}
    tracks = [GoldenTrack(f"clip {n}", walking_track(seed=n), 640, 480) for n in range(3)]
    target: Path = more.pop("target", folder / "edge")
    export_edge(package, target, tracks, PoseChoice(network, settings), label.tracking.model_dump(), **more)
    return target


def alone(folder: Path) -> dict[str, str]:
    """Environment of a launcher that can import nothing but its own packages."""
    blocked = folder / "blocked"
    blocked.mkdir(exist_ok=True)
    (blocked / "sitecustomize.py").write_text(BLOCKER)
    return {**os.environ, "PYTHONPATH": str(blocked), "XDG_STATE_HOME": str(folder / "state")}


def launch(export: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the launcher to its end."""
    command = [sys.executable, str(export / "posemill-edge"), *arguments]
    environment = alone(export.parent)
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, **options)


def start(export: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the launcher; the caller ends it."""
    command = [sys.executable, "-u", str(export / "posemill-edge"), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=alone(export.parent)
    )


@contextmanager
def events_of(export: Path, *given: str) -> Iterator[list[dict[str, Any]]]:
    """What a launcher that runs says, as it comes."""
    process = start(export, "run", *given)
    came: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: came.extend(json.loads(line)["event"] for line in process.stdout or []))
    reader.start()
    try:
        yield came
    finally:
        process.terminate()
        process.wait(30)
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()
