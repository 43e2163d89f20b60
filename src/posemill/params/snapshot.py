"""The `snapshot` section of params.yaml."""

from posemill.params.section import Section


class SnapshotParams(Section):
    """Tunables of the snapshot stage."""
