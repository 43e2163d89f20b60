"""Applications on pose tracks: fall alarm, repetitions, form coach, yoga, body ratios, motion capture.

Every application is a streaming consumer of tracked poses: `protocol.py` says what it gets and what it answers,
`registry.py` lists them. The same object runs over a file, a camera, the service and a batch flow.
"""
