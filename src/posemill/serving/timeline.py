"""Timelines, at their old place; see posemill.prediction.timeline."""

from posemill.prediction.timeline import segments, verdict, windows

__all__ = ["segments", "verdict", "windows"]
