"""Published data sets, one file each: what their files mean, and what must be put right on the way in."""
