"""Still pictures as media: a JPEG, PNG or WebP file is a medium of one frame that is shown for a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.container import open_file
from posemill.video.jpeg import is_jpeg_stream
from posemill.video.picture_file import decode_picture

SHOWN_S = 1.0  # a picture has no length; with this one a clip of it passes the same checks as any other
LARGEST_BYTES = 64 * 2**20
_KINDS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


def still_kind(path: Path) -> str | None:
    """Return `jpeg`, `png` or `webp` of a picture file by its first bytes; None for anything else.

    A stream of JPEG pictures begins as a JPEG file does and is a video; a phone's JPEG with its depth, brightness or
    previews as further pictures (multi-picture format) is a picture. Errors: UnreadableMedia where there is no file.
    """
    with open_file(path), path.open("rb") as file:
        head = file.read(16)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    kind = next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)
    return None if kind == "jpeg" and is_jpeg_stream(path, LARGEST_BYTES) else kind


def still_picture(path: Path) -> NDArray[np.uint8]:
    """Decode a picture file as a viewer shows it: (H, W, 3) uint8 RGB, upright.

    Errors: UnreadableMedia for a file that is too large, broken or an animation.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise UnreadableMedia(f"{path.name} has more than {LARGEST_BYTES >> 20} MiB")
    return decode_picture(path.read_bytes(), path.name, animated=False)
