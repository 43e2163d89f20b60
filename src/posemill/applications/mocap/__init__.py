"""Motion capture: joint angles over time, and files for biomechanics and animation tools."""
