"""The `evaluate` section of params.yaml."""

from posemill.params.section import Section


class EvaluateParams(Section):
    """Tunables of the evaluate stage."""
