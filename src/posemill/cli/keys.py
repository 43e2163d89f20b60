"""`posemill keys`: API keys of a service, and key pairs that sign bundles."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.connection import transaction
from posemill.cli.output import table
from posemill.store.roles import DEFAULT, ROLES

if TYPE_CHECKING:
    pass

_COLUMNS = ("number", "client", "role", "prefix", "requests_per_minute", "added_at", "added_by")


@click.group()
def keys() -> None:
    """API keys of clients, and key pairs that sign bundles.

    A service that listens beyond this machine requires an API key with every request.

    \b
      posemill keys add acme --per-minute 600
      posemill serve --host 0.0.0.0
      curl -H "Authorization: Bearer KEY" -F video=@clip.mp4 http://HOST:3000/analyse_video
    """


@keys.command()
@click.argument("client")
@click.option("--per-minute", type=click.IntRange(min=1), help="Requests a minute; default: the service's own limit.")
@click.option("--role", default=DEFAULT, show_default=True, type=click.Choice(ROLES), help="What its holder may do.")
def add(client: str, per_minute: int | None, role: str) -> None:
    """Make a key for CLIENT and show it, this once: only its digest is kept.

    A viewer asks and looks, an annotator also says which answers are wrong; an operator asks and reads the metrics; an
    admin does everything.

    \b
      posemill keys add acme
      posemill keys add prometheus --role operator
    """
    from posemill.store.api_keys import create_key

    with transaction() as connection:
        key = create_key(connection, client, per_minute=per_minute, role=role, added_by=getpass.getuser())
    click.echo(key)
    click.echo(f"this is the key of {client}; it is shown only now, and works within seconds", err=True)


@keys.command("list")
@click.option("--revoked", is_flag=True, help="Also the ones that were revoked.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(revoked: bool, as_json: bool) -> None:
    """List the keys that work, by number and beginning.

    \b
      posemill keys list
    """
    from posemill.store.api_keys import all_keys

    with transaction() as connection:
        rows = all_keys(connection, revoked)
    table(rows, (*_COLUMNS, *(("revoked_at", "revoked_by") if revoked else ())), as_json, "there are no keys")


@keys.command()
@click.argument("which")
def revoke(which: str) -> None:
    """End keys by number, by beginning, or all of a client. Running services notice within seconds.

    \b
      posemill keys revoke pm_Ab3dEf
      posemill keys revoke acme
    """
    from posemill.store import api_keys

    with transaction() as connection:
        ended = api_keys.revoke(connection, which, revoked_by=getpass.getuser())
    click.echo(f"revoked {', '.join(ended)}")


@keys.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: .posemill/keys/handover.pem.")
@click.option("--passphrase", is_flag=True, help="Ask for a passphrase that protects the private key.")
def generate(out: Path | None, passphrase: bool) -> None:
    """Make a key pair (ECDSA P-256) that signs bundles, and show its fingerprint.

    The private key is readable by its owner only; the public one is beside it, with the ending .pub. Tell clients the
    fingerprint by another way than the bundle.

    \b
      posemill keys generate
      posemill keys generate --out ~/keys/handover.pem --passphrase
    """
    from posemill.handover.keys import default_path, generate_key
    from posemill.settings import Settings

    path = out or default_path(Settings.from_env().home)
    secret = click.prompt("passphrase", hide_input=True, confirmation_prompt=True, err=True) if passphrase else None
    key = generate_key(path, secret.encode() if secret else None)
    click.echo(key.fingerprint)
    click.echo(f"private key {path}, public key {path.with_suffix('.pub')}", err=True)
