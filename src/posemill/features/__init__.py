"""Feature pipeline: windows of keypoints, splits, augmentation; numpy only at import."""

from posemill.features.pipeline import FeaturePipeline
from posemill.pose.window import WindowSpec

__all__ = ["FeaturePipeline", "WindowSpec"]
