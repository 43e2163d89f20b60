"""Windows of keypoints and the feature pipeline; numpy only at import."""

from posemill.features.pipeline import FeaturePipeline
from posemill.pose.window import WindowSpec

__all__ = ["FeaturePipeline", "WindowSpec"]
