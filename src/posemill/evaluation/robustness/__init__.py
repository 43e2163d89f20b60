"""Robustness of a model: perturbed keypoints, other frame rates, other pose backends, streams."""
