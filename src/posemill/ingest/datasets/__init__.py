"""Readers of published data sets, one file each: the meaning of their files, and what is corrected on import."""
