"""`posemill evaluate`: evaluation of a model on external videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.output import modes, table
from posemill.cli.renamed import renamed_option

if TYPE_CHECKING:
    from posemill.operations.external_results import ExternalResult, ExternalVerdict

COLUMNS = ("file", "truth", "predicted", "probability", "windows", "people", "outcome")


class FrameRates(click.ParamType[tuple[float, ...]]):
    """Frame rates with commas between."""

    name = "frame_rates"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:  # the defaults are converted already
        """(float, ...) above 0."""
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(float(part) for part in str(value).split(","))
        except ValueError:
            rates = ()
        if not rates or not all(0 < rate < 1000 for rate in rates):
            self.fail(f"{value!r} should be frames a second with commas between, such as 10,15,30", param, ctx)
        return rates


@click.command()
@click.option("--videos", type=click.Path(path_type=Path), help="Folder of videos, named or sorted by activity.")
@renamed_option("--wild", "--videos", type=click.Path(path_type=Path))
@click.option("--network", type=click.Path(path_type=Path), help="Folder of a trained network; default: evaluate's.")
@click.option("--labels", type=click.Path(path_type=Path, exists=True), help="Table of labels: columns path, activity.")
@click.option("--fps", type=FrameRates(), default=(), help="Resample to other frame rates too, such as 10,15,30.")
@renamed_option("--rates", "--fps", type=FrameRates())
@click.option("--flip", is_flag=True, help="Mirror the tracks too: the verdict should stay the same.")
@modes
def evaluate(
    videos: Path | None,
    network: Path | None,
    labels: Path | None,
    fps: tuple[float, ...],
    flip: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Evaluate a model on external videos, end to end: video, poses, tracks, main subject, verdict.

    A video's activity is read from labels.csv in the folder (columns path, activity), else it is the name of its
    sub-folder, else the file's name without its number. Poses are kept: another network needs no labelling.

    \b
      posemill evaluate --videos videos/
      posemill evaluate --videos videos/ --network models/other --fps 10,15,30 --flip
      posemill stage evaluate                  the test split
    """
    from posemill import params
    from posemill.operations import external_videos as stage
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    if videos is None:
        raise click.UsageError("say what to evaluate on: --videos FOLDER (the test split is `posemill stage evaluate`)")
    settings = Settings.from_env()
    workspace, silent = Workspace(settings.workspace), quiet or as_json
    result = stage.run(
        videos,
        params.load(workspace.params),
        workspace,
        settings,
        network=network,
        labels=labels,
        rates_hz=fps,
        mirrored=flip,
        on_result=lambda v: None if silent else click.echo(f"{v.file}: {_prediction(v)}", err=True),
        on_start=lambda name, frames: (
            None if silent else click.echo(f"{name}: estimating poses in {frames} frames", err=True)
        ),
    )
    if as_json:
        click.echo(result.model_dump_json())
    elif not quiet:
        table([_row(v) for v in result.verdicts], COLUMNS, False, "no video")
        click.echo("\n".join(_lines(result)))


def _prediction(v: ExternalVerdict) -> str:
    return v.note or f"{v.predicted} {v.probability:.0%}"


def _row(v: ExternalVerdict) -> dict[str, object]:
    return {name: getattr(v, name) for name in COLUMNS}


def _lines(result: ExternalResult) -> list[str]:
    """Top-1, what did not count, agreement, and where the report is."""
    lines = [_top1(result)]
    if result.unknown:
        names = sorted({str(v.truth) for v in result.verdicts if v.outcome == "unknown activity"})
        lines.append(f"not counted: {result.unknown} of activities that the model does not know ({', '.join(names)})")
    if result.unlabelled:
        lines.append(f"not counted: {result.unlabelled} without a label")
    if result.unreadable:
        lines.append(f"not counted: {result.unreadable} that cannot be read")
    if result.abstained:
        lines.append(f"unsure: of {result.abstained} clips a client is told that the model had better say nothing")
    lines += [
        f"{way}: {share:.0%} have the same verdict, {result.top1_changed[way]:.0%} are right"
        for way, share in result.agreement.items()
    ]
    return [*lines, f"report: {result.report}"]


def _top1(result: ExternalResult) -> str:
    if result.top1 is None or result.low is None or result.high is None:
        return "top-1: no clip is of an activity that the model knows"
    without = f"; {result.unanswered} of them without an answer" if result.unanswered else ""
    beside = "" if result.benchmark is None else f"; on the test split {result.benchmark:.1%}"
    between = f"95 % interval {result.low:.0%} to {result.high:.0%}"
    return f"top-1 {result.top1:.1%}: {result.right} of {result.clips} right, {between}{without}{beside}"
