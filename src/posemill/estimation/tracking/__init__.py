"""Poses of successive frames become people."""

from posemill.estimation.tracking.tracker import Tracker

__all__ = ["Tracker"]
