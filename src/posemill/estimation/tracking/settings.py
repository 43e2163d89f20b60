"""Settings of tracking as the tracker reads them: params.yaml's section has them, and so has an exported model."""

from __future__ import annotations

from typing import Protocol


class TrackingSettings(Protocol):
    """The values of the `label.tracking` section, which describes them: posemill.params.tracking."""

    @property
    def min_oks(self) -> float:
        """Similarity from which poses may be the same person."""
        ...

    @property
    def max_gap_s(self) -> float:
        """Time after which a person not found comes back as a new one."""
        ...

    @property
    def min_duration_s(self) -> float:
        """Duration under which a track is dropped."""
        ...

    @property
    def min_poses(self) -> int:
        """Number of poses under which a track is dropped."""
        ...

    @property
    def interpolate_s(self) -> float:
        """Gap up to which rows are filled in."""
        ...

    @property
    def double_oks(self) -> float:
        """Similarity from which poses of one frame show one body."""
        ...
