"""Great Expectations suites over clips, tracks and windows, and the exploration report."""
