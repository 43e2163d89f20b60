"""The `package` section of params.yaml."""

from posemill.params.section import Section


class PackageParams(Section):
    """Tunables of the package stage."""
