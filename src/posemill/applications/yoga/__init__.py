"""Yoga identifier: names still poses, their left and right variants, and times how long each is held."""

from posemill.applications.yoga.identifier import YogaIdentifier

__all__ = ["YogaIdentifier"]
