"""Registry of applications: data, so that listing them imports none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from posemill.applications.protocol import Application
from posemill.errors import InputError


@dataclass(frozen=True, slots=True)
class Entry:
    """An application: its class as `module:name`, what it does in one line, and why an edge device cannot run it."""

    target: str
    line: str
    not_at_the_edge: str = ""


APPLICATIONS: Mapping[str, Entry] = {
    "fall": Entry("posemill.applications.fall.alarm:FallAlarm", "Alarms on people who fall and do not get up."),
    "repetitions": Entry(
        "posemill.applications.repetitions.application:RepetitionCounter", "Counts repetitions of any exercise."
    ),
    "coach": Entry(
        "posemill.applications.coach.coach:FormCoach",
        "Corrects the form of exercises.",
        "its rules are read with YAML and checked with pydantic, which it does not have",
    ),
    "yoga": Entry(
        "posemill.applications.yoga.identifier:YogaIdentifier", "Names held yoga poses and their side, and times them."
    ),
    "ratios": Entry(
        "posemill.applications.ratios.app:BodyRatios",
        "Measures ratios of body segments with intervals.",
        "its intervals need SciPy",
    ),
    "mocap": Entry(
        "posemill.applications.mocap.app:MotionCapture",
        "Measures joint angles over time.",
        "it needs the depth, heels and toes of BlazePose, and SciPy",
    ),
}


def find_application(name: str) -> type[Application[Any]]:
    """Import the class of an application. Errors: InputError that lists the known ones."""
    if name not in APPLICATIONS:
        raise InputError(f"there is no application {name!r}; there are {', '.join(APPLICATIONS) or 'none'}")
    module, attribute = APPLICATIONS[name].target.split(":")
    found: type[Application[Any]] = getattr(import_module(module), attribute)
    return found
