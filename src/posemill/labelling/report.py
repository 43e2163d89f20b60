"""What labelling tells of itself while it works; progress.py shows it to people and machines."""

from __future__ import annotations

from dataclasses import dataclass

from posemill.store.pose_store import Stretch


@dataclass(frozen=True, slots=True)
class Done:
    """One finished chunk.

    seconds  how long it took; None where it was found done in the store.
    hinted   of its frames so many were looked at around people only, see label.roi_propagation.
    """

    medium: str
    stretch: Stretch
    frames: int
    poses: int
    seconds: float | None
    propagated: int = 0


class Report:
    """Every call says that something happened; this one tells nobody."""

    def begin(self, chunks: int, frames: int | None, about: bool = False) -> None:
        """So much is to be done; frames None: unknown, and `about`: a guess, since nobody has measured some media."""

    def grown(self, chunks: int) -> None:
        """So many chunks more: a medium was measured, and cut."""

    def frame(self, medium: str, people: int, propagated: bool = False) -> None:
        """One more frame was looked at (`hinted`: around people only), with so many people in it."""

    def done(self, chunk: Done) -> None:
        """A chunk is in the store."""

    def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
        """A chunk failed; its medium goes to quarantine, unless it is tried `again`. `source`: where it came from."""

    def waiting(self, chunks: int) -> None:
        """The chunks that are left are other workers'."""

    def tracked(self, medium: str) -> None:
        """Tracks of a medium were put together."""
