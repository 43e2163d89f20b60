"""Tracks in the formats that other tools read and write, one file a format; docs/howto/review.md has the rules."""
