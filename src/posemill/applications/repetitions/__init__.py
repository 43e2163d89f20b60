"""Repetition counting of whatever is repeated: no template, no training an exercise."""

from posemill.applications.repetitions.application import RepetitionCounter
from posemill.applications.repetitions.count import RepetitionResult, count_repetitions
from posemill.applications.repetitions.subject import Repetition

__all__ = ["Repetition", "RepetitionCounter", "RepetitionResult", "count_repetitions"]
