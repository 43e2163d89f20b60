"""Random changes of whole batches of windows in training: what must not matter to a network."""

from posemill.features.augment.augmentation import Augmentation

__all__ = ["Augmentation"]
