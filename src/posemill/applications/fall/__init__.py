"""Fall alarm: a state machine per person over the geometry of its pose and the probabilities of an activity model.

`alarm.py` is the application; `person.py` the states of one person; `descent.py` and `posture.py` what is measured;
`identity.py` keeps a person when the tracker loses it; `coverage.py` tests what a camera sees of the floor.
"""
