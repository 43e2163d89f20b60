"""What a model is worth: metrics, gates, report."""
