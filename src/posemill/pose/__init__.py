"""Keypoints, skeletons, tracks and their geometry. numpy only."""
