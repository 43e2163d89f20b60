"""Pose labelling: backends, the streaming engine, tracking."""
