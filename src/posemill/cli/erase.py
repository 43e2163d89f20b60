"""`posemill erase`: a person's data, or a medium, removed everywhere, with a signed record and a check."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, plain, table
from posemill.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from posemill.backup.objects import ObjectStore
    from posemill.erasure.check import Search
    from posemill.erasure.erase import Outcome
    from posemill.erasure.plan import Plan
    from posemill.settings import Settings

FILE = click.Path(path_type=Path, dir_okay=False)
SHOWN = 20


@click.command()
@click.option("--subject", help="Everything of this person.")
@click.option("--medium", "media", multiple=True, help="A medium: digest, number, source or file; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed; change nothing.")
@click.option("--check", "only_check", is_flag=True, help="Search for what is left; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--retrain", is_flag=True, help="Then run the pipeline again without the data, with its gates.")
@click.option("--backup", "urls", multiple=True, metavar="URL", help="Erase from this backup too; may be repeated.")
@click.option("--identity", type=FILE, help="age identity, if backups are encrypted.")
@click.option("--recipient", "recipients", multiple=True, help="age recipient (age1…) of new snapshots in backups.")
@click.option("--key", "key_file", type=FILE, help="Key that signs the record; default: .posemill/keys/handover.pem.")
@click.option("--passphrase-file", type=FILE, help="File with the key's passphrase.")
@click.option("--by", help="Name in the record; default: user@host.")
@modes
def erase(
    subject: str | None,
    media: tuple[str, ...],
    dry_run: bool,
    only_check: bool,
    yes: bool,
    retrain: bool,
    urls: tuple[str, ...],
    identity: Path | None,
    recipients: tuple[str, ...],
    key_file: Path | None,
    passphrase_file: Path | None,
    by: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Erase a person's data, or media: rows, files, DVC's objects, caches, uploads, named backups.

    Models that were trained with them are withdrawn. A check and a signed deletion record end it; exit status 1 if
    something is left. Killed in the middle, the same command finishes it.

    \b
      posemill erase --subject anna --dry-run
      posemill erase --subject anna --backup /mnt/backups/gym --retrain
      posemill erase --medium 26e506cc30f5 --yes
      posemill erase --subject anna --check
    """
    if (subject is None) == (not media):
        raise InputError("say whose data is erased: --subject NAME, or --medium with a digest, number, source or file")
    if dry_run and only_check:
        raise InputError("give --dry-run or --check, not both")
    from posemill.store.media import digest_of

    media = tuple(digest_of(Path(which)) if Path(which).is_file() else which for which in media)
    backups = _backups(urls, identity, None if dry_run or only_check else recipients)
    with _opened() as (settings, engine):
        subject = subject if subject is None else _stored_name(settings, engine, subject)
        if only_check:
            _report_check(_check(settings, engine, subject, media, backups), as_json, quiet)
            return
        outcomes = (
            []
            if dry_run
            else _resumed(settings, engine, subject, key_file, passphrase_file, by, backups, quiet, as_json)
        )
        if not any(_is_of(outcome, subject, media) for outcome in outcomes):
            from posemill.erasure.plan import make_plan

            plan = make_plan(settings, engine, subject, media, [objects.url for objects in backups])
            if dry_run or not (yes or quiet or as_json):
                _print_plan(plan, as_json)
            if dry_run:
                return
            if not yes:
                click.confirm("Erase all of this? It cannot be brought back", abort=True, err=True)
            work = _work(settings, engine, key_file, passphrase_file, by, backups, quiet or as_json)
            from posemill.erasure.erase import erase as run

            outcomes.append(run(work, plan))
    _print_outcomes(outcomes, as_json, quiet)
    if any(outcome.record is None for outcome in outcomes):
        raise SystemExit(1)
    if retrain:
        _retrain(settings, quiet or as_json)


def _stored_name(settings: Settings, engine: Engine, subject: str) -> str:
    """The name under which a person is stored: the pseudonym where there is a key, unless the name itself is there."""
    from sqlalchemy import select

    from posemill.store.pseudonyms import pseudonym, read_key
    from posemill.store.schema import subject as table_of_subjects

    with engine.connect() as connection:
        plain_name = connection.scalar(select(table_of_subjects.c.name).where(table_of_subjects.c.name == subject))
    if plain_name is not None or settings.subject_key is None:
        return subject
    return pseudonym(subject, read_key(settings.subject_key))


def _resumed(
    settings: Settings,
    engine: Engine,
    subject: str | None,
    key_file: Path | None,
    passphrase_file: Path | None,
    by: str | None,
    backups: Sequence[ObjectStore],
    quiet: bool,
    as_json: bool,
) -> list[Outcome]:
    """Finish erasures that were killed; none of them asks again."""
    from posemill.erasure.erase import resume
    from posemill.store.erasures import erasures

    with engine.connect() as connection:
        if not erasures(connection, "started"):
            return []
    if not quiet:
        click.echo("finishing an erasure that was interrupted", err=True)
    return resume(_work(settings, engine, key_file, passphrase_file, by, backups, quiet or as_json), subject)


def _work(
    settings: Settings,
    engine: Engine,
    key_file: Path | None,
    passphrase_file: Path | None,
    by: str | None,
    backups: Sequence[ObjectStore],
    silent: bool,
) -> Any:
    from posemill.cli.handover import signing_key
    from posemill.erasure.erase import Erasure
    from posemill.store.current_user import current_user

    key = signing_key(settings.home, key_file, passphrase_file)

    def log(line: str) -> None:
        if not silent:
            click.echo(line, err=True)

    return Erasure(settings, engine, key, by or current_user(), backups, log)


def _is_of(outcome: Outcome, subject: str | None, media: Sequence[str]) -> bool:
    """True if an erasure that was finished now is the one that was asked for."""
    if subject is not None:
        return outcome.targets.is_of(subject)
    return all(any(digest.startswith(which) for digest in outcome.targets.media) for which in media)


def _check(
    settings: Settings, engine: Engine, subject: str | None, media: Sequence[str], backups: Sequence[ObjectStore]
) -> Search:
    from posemill.erasure.check import known_digests, search
    from posemill.erasure.needles import Needles

    with engine.connect() as connection:
        digests, objects = known_digests(connection, settings.workspace, subject, media)
    return search(settings, engine, Needles(digests, subject), objects, backups)


def _backups(urls: Sequence[str], identity: Path | None, recipients: Sequence[str] | None) -> list[ObjectStore]:
    """The named backups; recipients None: they are only read.

    Errors: InputError for a place without a snapshot, since a typo would go unnoticed, and for an encrypted one whose
    new snapshot would not be.
    """
    from posemill.backup.objects import ObjectStore

    found = []
    for url in urls:
        objects = ObjectStore(url if "://" in url else str(Path(url).resolve()), recipients or (), identity)
        if recipients is not None and not recipients and objects.is_encrypted():
            raise InputError(f"{objects.url} is encrypted: name with --recipient to whom its new snapshot is encrypted")
        if not objects.snapshots():
            raise InputError(f"{objects.url} has no snapshot: give the URL that `posemill backup` was given")
        found.append(objects)
    return found


def _print_plan(plan: Plan, as_json: bool) -> None:
    if as_json:
        said: dict[str, Any] = {"media": list(plan.targets.media), "rows": plan.rows, "places": plan.places}
        said |= {"models": [vars(model) for model in plan.models], "others": list(plan.scope.others)}
        said |= {"copies": list(plan.copies), "by_hand": list(plan.by_hand), "backups_not_named": list(plan.backups)}
        click.echo(json.dumps(said, default=plain))
        return
    click.echo(f"media     {len(plan.scope.media)}: {', '.join(digest[:12] for digest in plan.targets.media[:SHOWN])}")
    if plan.scope.others:
        click.echo(f"          also with {', '.join(plan.scope.others)}, whose clips of these media go too")
    for kind, counts in (("rows", plan.rows), ("files", plan.places)):
        click.echo(f"{kind:9} {', '.join(f'{name} {count}' for name, count in counts.items()) or 'none'}")
    rows = [{**vars(model), "version": model.version} for model in plan.models]
    table(rows, ("version", "bento_tag", "stage", "share", "clips"), False, "models    none was made with them")
    for path in plan.copies:
        click.echo(f"copy      {path} has the bytes of a medium and is removed too", err=True)
    for path in plan.by_hand:
        click.echo(f"by hand   {path} names them and is yours: change or remove it", err=True)
    for url in plan.backups:
        click.echo(f"backup    {url} is not erased from: add --backup {url}", err=True)


def _print_outcomes(outcomes: Sequence[Outcome], as_json: bool, quiet: bool) -> None:
    for outcome in outcomes:
        if as_json:
            said = {"erasure": outcome.number, "removed": outcome.targets.removed, "record": outcome.record}
            click.echo(json.dumps({**said, **_findings(outcome.search)}, default=plain))
            continue
        if not quiet:
            click.echo(", ".join(f"{name} {count}" for name, count in outcome.targets.removed.items() if count))
        _print_findings(outcome.search, quiet)
        if outcome.record is None:
            click.echo("remove what is left, then run the same command again: it ends with the record", err=True)
        elif not quiet:
            click.echo(f"nothing is left; record {outcome.record}")


def _report_check(found: Search, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(json.dumps(_findings(found), default=plain))
    else:
        _print_findings(found, quiet)
        if not found.left and not quiet:
            looked = ", ".join(f"{name} {count}" for name, count in found.looked_at.items())
            click.echo(f"nothing is left; searched: {looked}")
    if found.left:
        raise SystemExit(1)


def _findings(found: Search) -> dict[str, Any]:
    return {
        "left": [vars(finding) for finding in found.left],
        "mentions": [vars(finding) for finding in found.mentions],
        "searched": found.looked_at,
    }


def _print_findings(found: Search, quiet: bool) -> None:
    for finding in found.left[:SHOWN]:
        click.echo(f"LEFT: {finding.place}: {finding.where}", err=True)
    if len(found.left) > SHOWN:
        click.echo(f"LEFT: and {len(found.left) - SHOWN} more (--json lists all)", err=True)
    if quiet:
        return
    for finding in found.mentions[:SHOWN]:
        click.echo(f"mentions the name, or is history: {finding.place}: {finding.where}", err=True)
    if len(found.mentions) > SHOWN:
        click.echo(f"and {len(found.mentions) - SHOWN} more mentions (--json lists all)", err=True)


def _retrain(settings: Settings, silent: bool) -> None:
    """The flow of production, in a process of its own: prefect stays in flows/."""
    command = [sys.executable, "-m", "flows.build_model"]
    done = subprocess.run(command, cwd=settings.workspace, stdout=subprocess.DEVNULL if silent else None, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


@contextmanager
def _opened() -> Iterator[tuple[Settings, Engine]]:
    from posemill.settings import Settings
    from posemill.store.postgres import opened_engine

    settings = Settings.from_env()
    with opened_engine(settings) as engine:
        yield settings, engine
