"""Poses of successive frames become people."""

from posemill.labelling.tracking.tracker import Tracker

__all__ = ["Tracker"]
