"""Startup policy: the environment of a service that is started (its database, and whether it requires keys)."""

from __future__ import annotations

import os
from collections.abc import Mapping

from posemill.errors import InputError, PosemillError, Unavailable
from posemill.serving.middleware.auth import address_group
from posemill.serving.middleware.error_responses import log
from posemill.serving.middleware.guard import DATABASE_URL
from posemill.serving.middleware.host_header import ANY_HOST, HOSTS
from posemill.serving.middleware.limits import REQUIRE_KEYS
from posemill.serving.middleware.oidc import ISSUER
from posemill.serving.upload_retention import KEEP
from posemill.settings import Settings


def service_environment(settings: Settings, host: str, *, open_to_all: bool, required: bool = False) -> dict[str, str]:
    """Return variables for a service that listens on `host`: its database, and whether it wants keys.

    Beyond this machine keys are wanted unless `open_to_all`, which also answers under every host name. On this machine
    the service also starts without its database, and then keeps no record. `required`: keys are wanted there too.
    Tokens of an OIDC issuer in the environment do as well as keys.
    Errors: InputError where keys are wanted and there are none; Unavailable where they cannot be looked up.
    """
    names = {HOSTS: ANY_HOST} if open_to_all else {}
    wanted = required or not (open_to_all or _is_loopback(host))
    try:
        url, number = _database_and_keys(settings)
    except Unavailable as exc:
        if wanted:
            raise
        log.warning("served without a database, so nothing is recorded: %s", exc)
        return {REQUIRE_KEYS: "", **names}
    if wanted and not number and not os.environ.get(ISSUER):
        raise InputError(
            f"{host} can be reached by others and there are no keys: make one with `posemill keys add CLIENT`, "
            "or serve with --open to answer everybody"
        )
    return {DATABASE_URL: url, REQUIRE_KEYS: "1" if wanted else "", **names}


def private_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return variables for a service that its starter alone asks, such as acceptance: what it answers is no live data.

    env  of another service. This one knows no database, so it records nothing, wants no key and keeps no upload.
    """
    return {name: value for name, value in env.items() if name not in (DATABASE_URL, REQUIRE_KEYS, KEEP, HOSTS)}


def _is_loopback(host: str) -> bool:
    return host == "localhost" or address_group(host) == "loopback"


def _database_and_keys(settings: Settings) -> tuple[str, int]:
    """Address with password, for another process; how many keys work."""
    from posemill.store.api_keys import working_keys
    from posemill.store.postgres import open_engine

    try:
        engine = open_engine(settings)
    except PosemillError:
        raise
    except OSError as exc:  # the embedded server cannot be made here
        raise Unavailable(f"the database cannot be started: {exc}") from exc
    try:
        with engine.connect() as connection:
            number = len(working_keys(connection))
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    finally:
        engine.dispose()
    return url, number
