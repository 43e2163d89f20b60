"""Augmentations of whole batches of windows: they encode invariances of the activity."""

from posemill.features.augment.augmentation import Augmentation

__all__ = ["Augmentation"]
