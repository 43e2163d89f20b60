"""Keypoint R-CNN as a pose backend: torchvision's network and weights."""
