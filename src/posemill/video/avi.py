"""AVI's chain of RIFF chunks, which tells a whole file from one that was cut off."""

from __future__ import annotations

import os

HEADER = 12  # bytes: "RIFF", the size of what follows, "AVI " or "AVIX"


def is_whole_avi(descriptor: int) -> bool:
    """Return True if every RIFF chunk of the file behind a descriptor is there to its last byte.

    An AVI's header counts the ticks of its clock. Where a camera dropped a picture there is an empty chunk, or none, so
    that fewer pictures than ticks are no sign of a file that was cut off. Chunks of size 0 or of another kind are:
    whoever wrote the file did not come to its end.
    """
    size, position = os.fstat(descriptor).st_size, 0
    while position + HEADER <= size:
        header = os.pread(descriptor, HEADER, position)
        length = int.from_bytes(header[4:8], "little")
        if header[:4] != b"RIFF" or header[8:] not in (b"AVI ", b"AVIX") or not length:
            return position > 0  # what follows a whole chunk is padding, or belongs to somebody else
        position += 8 + length + length % 2
    return 0 < position <= size + 1
