"""What people look at: the worst stretches of all tracks, out to an annotation tool, and back as corrections."""
