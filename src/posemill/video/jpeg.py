"""JPEG files that hold several pictures: a stream of them is a video; a phone's file with previews is one picture."""

from __future__ import annotations

from pathlib import Path

_SCAN, _STANDALONE = 0xDA, (0xD8, 0xD9)  # markers: what follows is coded; begin and end of a picture, without a length
_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BEGIN, _END = b"\xff\xd8\xff", b"\xff\xd9"
_PADDING = 4096  # bytes that recorders leave between pictures


def is_jpeg_stream(path: Path, most_bytes: int) -> bool:
    """Return True if pictures of one size follow each other in a file, the second within `most_bytes`.

    A picture may have others of its own behind it, as its depth, brightness or preview: indexed (multi-picture format,
    CIPA DC-007) or of another size.
    """
    with path.open("rb") as file:
        content = file.read(most_bytes)
    indexed, size, scan = _header(content, 0)
    if indexed:
        return False
    end = content.find(_END, scan)
    following = content.find(_BEGIN, end, end + _PADDING) if end >= 0 else -1
    return following >= 0 and _header(content, following)[1] == size


def _header(content: bytes, start: int) -> tuple[bool, bytes, int]:
    """Of the picture that begins there: has it an index of others, height and width, where its coded data begin."""
    at, indexed, size = start + 2, False, b""
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] not in (_SCAN, *_STANDALONE):
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        indexed |= marker == 0xE2 and content[at + 4 : at + 8] == b"MPF\0"
        if marker in _SIZES:
            size = content[at + 5 : at + 9]
        at += 2 + max(2, length)
    return indexed, size, at
