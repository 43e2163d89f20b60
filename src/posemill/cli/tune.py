"""`posemill tune`: hyper-parameter search for training."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, table

if TYPE_CHECKING:
    from posemill.operations.tune import Trial, TuneResult

SHOWN = 10  # of the best trials


@click.command()
@click.option("--trials", type=click.IntRange(min=1), help="In all, with those of before; default: tune.trials.")
@modes
def tune(trials: int | None, quiet: bool, as_json: bool) -> None:
    """Search the space that params.yaml gives under `tune`, and print the best parameters as a DVC experiment.

    Every trial trains on the train split and is judged on the validation split; the test split is not looked at.
    Stop it at any time: run again, it goes on where it was, in the middle of a trial too.

    \b
      posemill tune
      posemill tune --trials 40                20 more after the first 20
    """
    import yaml

    from posemill import params
    from posemill.operations import tune as search
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    workspace = Workspace(Settings.from_env().workspace)
    sections = params.load(workspace.params)
    wanted = sections.tune.model_copy(update={"trials": trials} if trials else {})
    silent = quiet or as_json
    result = search.run(wanted, sections.train, workspace, lambda t: None if silent else click.echo(_line(t), err=True))
    command = result.command(yaml.safe_load(workspace.params.read_text()) or {})
    if as_json:
        click.echo(json.dumps({"best": asdict(result.best), "trials": len(result.trials), "command": command}))
    elif not quiet:
        _show(result)
        click.echo(command)


def _line(trial: Trial) -> str:
    score = "" if trial.score is None else f" {trial.score:.4f}"
    reason = f": {trial.reason}" if trial.reason else ""
    return f"trial {trial.number} {trial.state}{score} after {trial.epochs} epochs ({trial.seconds:.0f} s){reason}"


def _show(result: TuneResult) -> None:
    """The best trials first; those that were cut short or failed last."""
    order = sorted(result.trials, key=lambda t: (t.state != "complete", -(t.score or 0.0)))[:SHOWN]
    names = list(result.best.values)
    rows = [
        {"trial": t.number, "state": t.state, "score": _digits(t.score), "epochs": t.epochs}
        | {n.removeprefix("train."): _digits(t.values.get(n)) for n in names}
        for t in order
    ]
    table(rows, list(rows[0]), False, "no trial")


def _digits(value: Any) -> Any:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
