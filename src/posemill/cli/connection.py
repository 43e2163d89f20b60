"""Connections of commands to the database of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from posemill.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection


@contextmanager
def transaction() -> Iterator[Connection]:
    """A transaction on the database that the settings name; committed at the end, unless something is raised."""
    from posemill.store import postgres

    with postgres.transaction(Settings.from_env()) as connection:
        yield connection
