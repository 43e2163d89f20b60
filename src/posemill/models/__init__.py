"""Networks, one file each, plain nn.Module; `build`, `save` and `load` by name."""

from posemill.models.registry import NETWORKS, NetworkCard, build, load, save

__all__ = ["NETWORKS", "NetworkCard", "build", "load", "save"]
