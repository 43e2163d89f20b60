"""Options for clip fields, one each, derived from store/clip_fields.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from posemill.store.clip_fields import CLAIMS, FIELDS


def claim_options(**descriptions: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option for each claim (activity, subject, ...); the command takes them as keyword arguments.

    descriptions  help texts by claim, where the command has more to say than the definition.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(CLAIMS):
            claim = FIELDS[name]
            kind = click.Choice(claim.choices) if claim.choices else claim.kind
            option = click.option(
                f"--{name.replace('_', '-')}", name, type=kind, help=descriptions.get(name, claim.description)
            )
            command = option(command)
        return command

    return decorate
