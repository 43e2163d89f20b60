"""The database as a running service sees it: short waits, no migrations, and none of the rest of the store.

A service must answer without its database too, so nothing here may hold a request for long.
"""

from __future__ import annotations

import os

from sqlalchemy import Engine, create_engine

from posemill.store.address import parse_address, schema_options

WAIT_S = 3  # for a connection, and for a statement: tables of a service are small


def service_engine(url: str) -> Engine:
    """An engine on postgresql://…; it connects when it is first used, and notices a server that was restarted.

    Errors: InputError for an address that is none.
    """
    address, schema = parse_address(url), schema_options(os.environ.get("POSEMILL_DATABASE_SCHEMA") or None)
    connect = {
        "application_name": "posemill-service",
        "connect_timeout": WAIT_S,
        "tcp_user_timeout": WAIT_S * 1000,
        "options": " ".join([f"-c statement_timeout={WAIT_S * 1000}", *schema.values()]),
    }
    return create_engine(
        address, pool_size=1, max_overflow=1, pool_timeout=WAIT_S, pool_pre_ping=True, connect_args=connect
    )
