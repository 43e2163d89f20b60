"""Review: the worst intervals of all tracks, out to an annotation tool, and back as corrections."""
