"""Foreign media are decoded in the sandboxed reader: who may decode in its own process is listed here, with why."""

from __future__ import annotations

import ast
from pathlib import Path

import posemill

SOURCE = Path(posemill.__file__).parent
IN_PROCESS = {"read_frames", "read_frame", "probe", "open_video", "still_picture", "decode_picture", "Camera"}
# functions of the library, which a caller asks to decode in a sandbox (`sandboxed=True`) or in its own process
BY_CHOICE = {
    "estimation/stream.py",
    "estimation/estimator.py",
    "estimation/overlay.py",
    "estimation/draw.py",
    "applications/live.py",
}
ALLOWED = BY_CHOICE | {"edge/source.py"}  # one device, its own camera, restarted by the system when it ends
CHOOSERS = {"track", "stream", "draw_tracks", "open_source", "opened_tracks"}
PROGRAMS = ("cli", "operations", "serving", "labelling", "review", "uat", "handover", "stages", "ingest", "monitoring")


def test_only_listed_modules_decode_in_their_own_process() -> None:
    others = (path for path in SOURCE.rglob("*.py") if path.parent.name != "video")
    assert {str(path.relative_to(SOURCE)) for path in others if _opens(path)} == ALLOWED


def test_every_program_asks_for_the_sandbox() -> None:
    calls = 0
    for folder in PROGRAMS:
        for path in (SOURCE / folder).rglob("*.py"):
            for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                if name in CHOOSERS and _decodes(call):
                    calls += 1
                    assert _sandboxed(call), f"{path}:{call.lineno}: {name} without sandboxed=True"
    assert calls >= 6


def _opens(path: Path) -> bool:
    imports = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom))
    return any(
        (node.module or "").startswith("posemill.video") and IN_PROCESS & {alias.name for alias in node.names}
        for node in imports
    )


def _decodes(call: ast.Call) -> bool:
    """A call of the pose estimator or of a drawing, not of a store or an HTTP client that has the same name."""
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    name = ast.unparse(call.func)
    return "estimator" in owner or owner == "draw" or (not owner and name in ("open_source", "opened_tracks"))


def _sandboxed(call: ast.Call) -> bool:
    given = {word.arg: word.value for word in call.keywords}
    value = given.get("sandboxed")
    return isinstance(value, ast.Constant) and value.value is True
