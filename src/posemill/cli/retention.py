"""`posemill retention`: remove what is older than params.yaml says."""

from __future__ import annotations

import click

from posemill.cli.output import modes, say


@click.command()
@click.option("--dry-run", is_flag=True, help="Count what would be removed; change nothing.")
@modes
def retention(dry_run: bool, quiet: bool, as_json: bool) -> None:
    """Remove media, tracks, uploads and answers that are older than the section retention of params.yaml says.

    What is removed is recorded in the audit trail; erased media also have a signed record, as of `posemill erase`.

    \b
      posemill retention --dry-run
      posemill retention --json
    """
    from posemill import params
    from posemill.erasure.retention import run
    from posemill.handover.keys import own_key
    from posemill.settings import Settings
    from posemill.store.postgres import opened_engine

    settings = Settings.from_env()
    section = params.load(settings.workspace / "params.yaml").retention
    with opened_engine(settings) as engine:
        done = run(section, settings, engine, lambda: own_key(settings.home), dry_run=dry_run)
    figures = done.model_dump(exclude={"stage"})
    say(figures if as_json else {k: v for k, v in figures.items() if not isinstance(v, list)}, quiet, as_json)
    for where in done.left:
        click.echo(f"LEFT: {where}", err=True)
    if done.left:
        raise SystemExit(1)
