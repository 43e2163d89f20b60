"""posemill: videos of people in a database become activity models that a client accepts."""
