"""Verifier of bundles: standard library only.

Its imports are relative, since every bundle carries a copy of this folder.
"""
