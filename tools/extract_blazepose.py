"""Take BlazePose's networks out of MediaPipe's npm package: detector and lite landmarks into posemill, others by file.

    npm pack @mediapipe/pose@0.5.1675469404 && tar xzf mediapipe-pose-0.5.1675469404.tgz
    python tools/extract_blazepose.py package                    (the files inside posemill)
    python tools/extract_blazepose.py package --more             (full and heavy, into the cache of checkpoints)

Files are copied as they are: TensorFlow Lite networks with 16-bit weights. The detector is the one network in the
packed assets, found by TensorFlow Lite's identifier. Every digest is checked, so the result is repeatable to the byte.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from posemill.atomic import write_bytes
from posemill.estimation.backends.blazepose.checkpoints import DETECTOR, EMBEDDED, SHA256, source_name
from posemill.settings import Settings

ASSETS = "pose_solution_packed_assets.data"
IDENTIFIER, IDENTIFIER_AT = b"TFL3", 4  # of a FlatBuffers file


def checked(content: bytes, sha256: str, name: str) -> bytes:
    """The bytes, whose digest must be the known one."""
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        sys.exit(f"{name}: SHA-256 should be {sha256}, came as {digest}; take the version named above")
    return content


def detector(package: Path) -> bytes:
    """The detector's network in the packed assets: from where its identifier says that it begins, to the end."""
    packed = (package / ASSETS).read_bytes()
    starts = [at - IDENTIFIER_AT for at in range(len(packed)) if packed.startswith(IDENTIFIER, at)]
    if len(starts) != 1:
        sys.exit(f"{package / ASSETS}: one network was expected, came {len(starts)}")
    return checked(packed[starts[0] :], DETECTOR.sha256, ASSETS)


def landmarks(package: Path, name: str) -> bytes:
    """A landmark network: lite, full or heavy."""
    file = package / source_name(name)
    return checked(file.read_bytes(), SHA256[name], str(file))


def main() -> None:
    """Check and copy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="the folder that the package was unpacked to")
    parser.add_argument("--more", action="store_true", help="full and heavy, for label.checkpoint: full or heavy")
    args = parser.parse_args()
    cache = Settings.from_env().home / "cache" / "checkpoints"
    if args.more:
        files = {cache / source_name(name): landmarks(args.package, name) for name in ("full", "heavy")}
    else:
        files = {DETECTOR.path: detector(args.package), EMBEDDED.path: landmarks(args.package, EMBEDDED.name)}
    for path, content in files.items():
        write_bytes(path, content)
        print(f"{path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
