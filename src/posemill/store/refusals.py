"""Database refusals and outages as sentences: missing rights, read-only servers, servers that went away."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from posemill.errors import InputError, PosemillError, Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.engine import ExceptionContext

OWN_SCHEMA = "name a schema of posemill's own in POSEMILL_DATABASE_SCHEMA, such as posemill"


def explain_refusals(engine: Engine) -> None:
    """Let every statement of an engine that the server refuses for its rights raise a PosemillError in one sentence."""
    from sqlalchemy import event

    @event.listens_for(engine, "handle_error")
    def explain(context: ExceptionContext) -> None:
        if (error := refusal(context.original_exception)) is not None:
            raise error from context.original_exception


def refusal(error: BaseException | None) -> PosemillError | None:
    """The sentence for an error of psycopg2 that is about rights; None for any other."""
    from psycopg2 import errors

    says = str(error).strip().split("\n")[0]
    if isinstance(error, errors.InsufficientPrivilege):
        advice = f"grant it CREATE on that schema, or {OWN_SCHEMA}" if "schema" in says else "grant it that right"
        return InputError(f"the database refuses its user that ({says}): {advice}")
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return Unavailable(
            f"the database takes no changes ({says}): it is a standby or its user is read-only; name the server that "
            "takes them in POSEMILL_DATABASE_URL, or repeat when this one does"
        )
    if isinstance(error, errors.InvalidSchemaName):
        return InputError(f"the database has no schema for posemill's tables ({says}): {OWN_SCHEMA}")
    return None


def outage(error: BaseException) -> Unavailable | None:
    """The sentence for an error of a server that went away, or has no connection left; None for any other.

    Cheap where nothing has connected: neither SQLAlchemy nor psycopg2 is imported for it.
    """
    if "psycopg2" not in sys.modules:
        return None
    import psycopg2

    original = getattr(error, "orig", None) or error  # as SQLAlchemy wraps it, or from a COPY of our own
    ended = getattr(error, "connection_invalidated", False)
    if not (ended or isinstance(original, psycopg2.OperationalError | psycopg2.InterfaceError)):
        return None
    says = str(original).strip().split("\n")[0] or type(original).__name__
    return Unavailable(f"the database went away ({says}): its last step was undone; start it, then run again")
