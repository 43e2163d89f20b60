"""HTML pages with inline plots."""
