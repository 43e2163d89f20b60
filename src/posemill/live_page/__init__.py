"""Live page: poses and activities in the browser, a static folder that `make web` builds from web/."""

from __future__ import annotations

from pathlib import Path

from posemill.errors import CheckpointError

STATIC = Path(__file__).parent / "static"
KEYPOINTS_OF = "coco-17"  # skeleton of all its pose networks
MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".bin": "application/octet-stream",
    ".onnx": "application/octet-stream",
    ".txt": "text/plain",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def built() -> Path:
    """Return the folder of the built page. Errors: CheckpointError where it was not built."""
    if not (STATIC / "index.html").is_file():
        raise CheckpointError(f"no live page in {STATIC}: build it with `make web`, which needs the npm registry once")
    return STATIC


def files() -> dict[str, Path]:
    """Return the files of the page by their path in it, such as `pose/movenet.json`; none where it was not built."""
    return {path.relative_to(STATIC).as_posix(): path for path in sorted(STATIC.rglob("*")) if path.is_file()}
