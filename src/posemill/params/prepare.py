"""The `prepare` section of params.yaml."""

from posemill.params.section import Section


class PrepareParams(Section):
    """Tunables of the prepare stage."""
