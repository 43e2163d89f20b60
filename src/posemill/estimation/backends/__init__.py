"""Pose backends, one folder each; estimation/registry.py lists them and loads none."""
