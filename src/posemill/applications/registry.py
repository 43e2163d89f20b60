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
    """An application: its class as `module:name`, and what it does in one line."""

    target: str
    line: str


APPLICATIONS: Mapping[str, Entry] = {
    "yoga": Entry("posemill.applications.yoga:YogaIdentifier", "names held poses, their side, and times each hold"),
}


def find_application(name: str) -> type[Application[Any]]:
    """Import the class of an application. Errors: InputError that lists the known ones."""
    if name not in APPLICATIONS:
        raise InputError(f"there is no application {name!r}; there are {', '.join(APPLICATIONS) or 'none'}")
    module, attribute = APPLICATIONS[name].target.split(":")
    found: type[Application[Any]] = getattr(import_module(module), attribute)
    return found
