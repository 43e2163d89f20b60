"""`posemill parity`: the same clips through every runtime of a packaged model."""

from __future__ import annotations

from pathlib import Path

import click

from posemill.cli.output import table
from posemill.errors import GateError

MODEL = "A packaged model, or a bento's folder; default: build/package of the workspace."
RUNTIME = "Only this one (pytorch, onnxruntime, openvino, service, edge, browser); may be repeated."
SERVICE = "URL of a running service; default: the newest bento is served for the time."
EDGE = "An exported folder; default: one is exported for the time."


@click.command()
@click.option("--model", "package", type=click.Path(path_type=Path), help=MODEL)
@click.option("--runtime", "runtimes", multiple=True, help=RUNTIME)
@click.option("--service", help=SERVICE)
@click.option("--edge", type=click.Path(path_type=Path), help=EDGE)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def parity(
    package: Path | None, runtimes: tuple[str, ...], service: str | None, edge: Path | None, as_json: bool
) -> None:
    """Compare all runtimes of a packaged model on golden clips of the test split.

    Fails where a probability differs by more than 0.001 from ONNX Runtime's, or where windows, a verdict or a timeline
    differ.

    \b
      posemill parity
      posemill parity --runtime edge --edge edge/
    """
    from posemill.operations.golden_clips import golden_tracks
    from posemill.operations.parity import Question, available, run
    from posemill.prediction.locate import package_folder
    from posemill.prediction.model import ActivityModel
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace

    inputs = Workspace(Settings.from_env().workspace)
    folder = package_folder(package or inputs.output("package"))
    model = ActivityModel.load(folder)
    here, absent = available()
    for name, reason in absent.items() if not runtimes else ():
        click.echo(f"{name} is left out: {reason}", err=True)
    outcomes = run(Question(inputs, folder, model, golden_tracks(inputs, model), service, edge), runtimes or here)
    rows = [
        {
            "runtime": outcome.runtime,
            "clips": outcome.clips,
            "windows": outcome.windows,
            "difference": f"{outcome.difference:.1e}",
            "differing": " ".join(outcome.differing) or "none",
        }
        for outcome in outcomes
    ]
    table(rows, rows[0], as_json, "nothing was compared")
    if failed := [outcome.runtime for outcome in outcomes if not outcome.passed]:
        raise GateError(f"{', '.join(failed)} answered otherwise than onnxruntime; do not release this model with it")
