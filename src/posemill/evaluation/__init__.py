"""Evaluation of a model on the test split: metrics, calibration, selective prediction, robustness, gates, report."""
