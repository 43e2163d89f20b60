"""The `snapshot` section of params.yaml."""

from pydantic import Field

from posemill.params.section import Section


class SnapshotParams(Section):
    """Tunables of the snapshot stage."""

    datasets: tuple[str, ...] = Field((), description="names of the datasets to use; empty means all")
