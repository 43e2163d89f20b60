"""MoveNet as a pose backend: one person, or several found by PoseNet first."""
