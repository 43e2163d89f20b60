"""`posemill label`: label poses without DVC."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from posemill.errors import PosemillError

if TYPE_CHECKING:
    from posemill.labelling.plan import Plan


@click.command()
@click.option("--plan", "only_plan", is_flag=True, help="Show the plan and its duration; label nothing.")
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--json", "as_json", is_flag=True, help="JSON lines: one object a finished chunk, a summary last.")
@click.option(
    "--watch",
    "every_s",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="Go on for ever: look again for new media after so many seconds.",
)
def label(only_plan: bool, quiet: bool, as_json: bool, every_s: float | None) -> None:
    """Label the poses of everything that is new in the database.

    \b
    The label stage of `dvc repro` then finds the work done. Stopped at any time, it goes on where it was; several at
    once, also on other machines with the same database and store, share the work:
      posemill label --plan
      posemill label
      posemill label --watch 60    # a worker of its own
    """
    if every_s is None:
        _once(only_plan, quiet, as_json)
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # process 1 of a container ignores it else
    while True:
        try:
            _once(only_plan, quiet, as_json)
        except PosemillError as exc:
            if not exc.retryable:
                raise
            click.echo(f"posemill: retryable: {exc}", err=True)
        time.sleep(every_s)


def _once(only_plan: bool, quiet: bool, as_json: bool) -> None:
    from posemill import params
    from posemill.labelling.plan import make_plan
    from posemill.labelling.session import open_session
    from posemill.settings import Settings

    settings = Settings.from_env()
    section = params.load(settings.workspace / "params.yaml").label
    with open_session(section, settings) as session:
        plan = make_plan(session.labeller, session.ledger, session.videos, len(session.quarantined))
        if only_plan:
            _report(asdict(plan), _planned(plan), quiet, as_json)
            return
        figures = _label(session, plan, quiet, as_json)
    _report({"event": "summary", **figures}, _line(figures), quiet, as_json)


def _label(session: Any, plan: Plan, quiet: bool, as_json: bool) -> dict[str, int]:
    from posemill.labelling.privacy import discard_posed
    from posemill.labelling.progress import progress
    from posemill.labelling.worker import label_backlog

    with progress(quiet, as_json) as report:
        label_backlog(session.labeller, session.ledger, session.videos, report)
    discard_posed(session.labeller, session.ledger.engine)
    fresh = len(session.quarantined_now().keys() & set(session.videos))
    return {"labelled": plan.new - fresh, "cached": plan.cached, "quarantined": plan.quarantined + fresh}


def _planned(plan: Plan) -> str:
    """Two lines: media and chunks, then frames and time."""
    from posemill.labelling.progress import duration

    media = {"new": plan.new, "cached": plan.cached, "quarantined": plan.quarantined}
    chunks = f"chunks: new {plan.chunks}, cached {plan.chunks_cached}"
    tracks = f"; tracks to put together without the network: {plan.to_track}" if plan.to_track else ""
    rate, seconds = plan.frames_per_second, plan.seconds
    took = "no rate measured yet"
    if rate is not None and seconds is not None:
        took = f"about {duration(seconds)} at {rate:.1f} frames/s, one worker"
    elif rate is not None:
        took = "how long, is known once they are measured"
    todo = f"{_frames(plan)} to do: {took}" if plan.new else "nothing to do for the network"
    return f"{_line(media)}; {chunks}{tracks}\n{todo}"


def _frames(plan: Plan) -> str:
    known = [f"{plan.frames} frames"] if plan.frames or not plan.unmeasured else []
    if plan.unmeasured:
        estimated = "" if plan.estimated is None else f" (about {plan.estimated} frames)"
        known.append(f"{plan.unmeasured} video{'s' * (plan.unmeasured > 1)} not measured yet{estimated}")
    return " and ".join(known)


def _line(figures: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in figures.items())


def _report(machine: Mapping[str, Any], people: str, quiet: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(machine))
    elif not quiet:
        click.echo(people)
