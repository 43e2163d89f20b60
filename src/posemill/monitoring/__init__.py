"""Drift monitoring: live data of a released service against the training data of its model."""
