"""Windows of keypoints and the feature pipeline; numpy only at import."""
