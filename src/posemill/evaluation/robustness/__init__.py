"""Robustness: accuracy under perturbed keypoints, other frame rates and lost frames; consistency of verdicts."""
