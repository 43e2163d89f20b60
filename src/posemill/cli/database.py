"""`posemill db`: start, stop, find and upgrade the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from posemill.cli.output import say
from posemill.errors import InputError
from posemill.settings import Settings

if TYPE_CHECKING:
    from posemill.store.embedded import EmbeddedServer


@click.group()
def db() -> None:
    """The database: your own (POSEMILL_DATABASE_URL), or the embedded one, which starts when it is needed.

    \b
      posemill db where
      psql "$(posemill db url)"
    """


@db.command()
def url() -> None:
    """Print its address with the password, for other programs; starts the embedded server.

    \b
      psql "$(posemill db url)"
    """
    from posemill.store.postgres import database_url

    address = database_url(Settings.from_env())
    click.echo(address.set(drivername="postgresql").render_as_string(hide_password=False))


@db.command()
def start() -> None:
    """Start the embedded server; nothing happens when it runs.

    \b
      posemill db start
    """
    server = _embedded()
    server.start()
    click.echo(f"the embedded database answers on port {server.describe()['port']}; its data is in {server.data}")


@db.command()
def stop() -> None:
    """Stop the embedded server after its work is written. It starts again when needed.

    \b
      posemill db stop
    """
    click.echo("stopped" if _embedded().stop() else "it was not running")


@db.command()
def upgrade() -> None:
    """Bring the tables to this version of posemill (every command does it as well).

    \b
      posemill db upgrade
    """
    from posemill.store.migrations import HEAD
    from posemill.store.postgres import open_engine

    open_engine(Settings.from_env()).dispose()
    click.echo(f"the tables are at migration {HEAD}")


@db.command()
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def where(as_json: bool) -> None:
    """Say where the database is, without its password and without starting it.

    \b
      posemill db where
    """
    settings = Settings.from_env()
    if settings.database_url is None:
        say({"kind": "embedded", **_embedded().describe()}, False, as_json)
        return
    from posemill.store.postgres import database_url

    say({"kind": "yours", "url": database_url(settings).render_as_string(hide_password=True)}, False, as_json)


def _embedded() -> EmbeddedServer:
    from posemill.store.embedded import EmbeddedServer

    settings = Settings.from_env()
    if settings.database_url is not None:
        raise InputError("POSEMILL_DATABASE_URL names your own server: start and stop it there, or unset the variable")
    return EmbeddedServer(settings.home)
