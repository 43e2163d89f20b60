"""Still pictures as media: a JPEG, PNG or WebP file is a medium of one frame that is shown for a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.errors import UnreadableMedia
from posemill.video.container import open_file, open_video
from posemill.video.picture_file import decode_picture

SHOWN_S = 1.0  # a picture has no length; with this one a clip of it passes the same checks as any other
LARGEST_BYTES = 64 * 2**20
_PICTURE_BEGINS = (0xDA, 0xD8, 0xD9)  # JPEG markers: start of a scan, of another file, end
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
    return None if kind == "jpeg" and not _lists_pictures(path) and _is_stream(path) else kind


def still_picture(path: Path) -> NDArray[np.uint8]:
    """Decode a picture file as a viewer shows it: (H, W, 3) uint8 RGB, upright.

    Errors: UnreadableMedia for a file that is too large, broken or an animation.
    """
    if path.stat().st_size > LARGEST_BYTES:
        raise UnreadableMedia(f"{path.name} has more than {LARGEST_BYTES >> 20} MiB")
    return decode_picture(path.read_bytes(), path.name, animated=False)


def _lists_pictures(path: Path) -> bool:
    """Return True if the header of a JPEG has the index of the multi-picture format (CIPA DC-007)."""
    with path.open("rb") as file:
        file.seek(2)
        while len(head := file.read(8)) == 8 and head[0] == 0xFF and head[1] not in _PICTURE_BEGINS:
            if head[1] == 0xE2 and head[4:] == b"MPF\0":
                return True
            file.seek(int.from_bytes(head[2:4], "big") - 6, 1)
    return False


def _is_stream(path: Path) -> bool:
    try:
        with open_video(path):
            return True
    except UnreadableMedia:
        return False
