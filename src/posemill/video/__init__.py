"""Probe, decode, encode and draw video."""
