"""The `label` section of params.yaml."""

from posemill.params.section import Section


class LabelParams(Section):
    """Tunables of the label stage."""
