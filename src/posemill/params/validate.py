"""The `validate` section of params.yaml."""

from posemill.params.section import Section


class ValidateParams(Section):
    """Tunables of the validate stage."""
