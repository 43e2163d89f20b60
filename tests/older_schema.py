"""A database taken back to an older schema, so that a test can upgrade it with rows in it."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from posemill.store import schema


def downgrade(engine: Engine, to: str) -> None:
    """Take the schema back to a revision."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, to)
