"""Fuzzing of every reader of foreign bytes: seeded mutations of small real files, each target in a process of its own.

`make fuzz` runs a campaign; `python -m fuzzing.campaign --help` says how (PYTHONPATH=src:tests).
"""
