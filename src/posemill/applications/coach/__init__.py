"""Form coach: judges planks, squats, push-ups and lunges by rules written as data, and abstains where it cannot see.

`rules.py` parses the rules, `measures.py` has angles and distances, `views.py` the camera's view and the projection
error, `judgement.py` judges one pose, `phases.py` follows repetitions, `evidence.py` faults over time, `posture.py`
recognises the exercise, `coach.py` is the application.
"""
