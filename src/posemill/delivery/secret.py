"""Secrets of receivers: configuration names the environment variable, never the secret."""

from __future__ import annotations

import os

from posemill.errors import InputError


def secret(variable: str | None, owner: str) -> str | None:
    """Read a secret from the environment variable that the configuration names; None without one.

    Errors: InputError where the variable is not set.
    """
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise InputError(f"{owner}: the environment variable {variable} is not set")
    return value
