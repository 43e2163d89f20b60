"""Formats of other tools: tracks read and written, one file a format; docs/howto/formats.md has the table."""
