"""Multi-person tracking: poses of successive frames become tracks."""

from posemill.estimation.tracking.online import OnlineTracker
from posemill.estimation.tracking.tracker import Tracker

__all__ = ["OnlineTracker", "Tracker"]
