"""PostgreSQL, the content-addressed media store and track files."""
