"""The wall clock of processes that were started with the library of clock.c: it jumps when it is told to."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

from chaos import shim

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """A file with the seconds that are added to the time of day, mapped into every process that uses it."""

    def __init__(self) -> None:
        with tempfile.NamedTemporaryFile(prefix="posemill-clock-", delete=False) as file:
            file.write(struct.pack("q", 0))
        self.path = Path(file.name)
        self.path.chmod(0o644)  # the server runs as another user

    def jump(self, seconds: int) -> None:
        """Let the clock be off by so much from now on."""
        with self.path.open("r+b") as file:
            file.write(struct.pack("q", seconds))

    def environment(self) -> dict[str, str]:
        """For a process with this clock; empty where there is no C compiler."""
        library = shim.compiled(SOURCE)
        return {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self.path)} if library else {}

    def close(self) -> None:
        """Remove the file; who has it mapped keeps its clock."""
        self.path.unlink(missing_ok=True)
