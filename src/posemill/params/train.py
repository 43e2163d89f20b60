"""The `train` section of params.yaml."""

from posemill.params.section import Section


class TrainParams(Section):
    """Tunables of the train stage."""
