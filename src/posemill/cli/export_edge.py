"""`posemill export edge`: a packaged model as a folder that runs where the camera is."""

from __future__ import annotations

from pathlib import Path

import click

from posemill.cli.output import modes, say

NETWORKS = ("posenet", "movenet", "movenet-many")


PACKAGE = "A packaged model, or a bento's folder; default: build/package of the workspace."
OUT = "A new folder, or a name that ends in .tar.gz, .tgz or .zip."
POSE = "Pose network; default: that of the model's labeller."
LONG_EDGE = "Longer side given to PoseNet, 16n + 1; default: the labeller's."
PRECISIONS = ("f32", "fp16", "int8")
PRECISION = "Of the activity network; less than f32 must pass an accuracy gate on held-out clips."
POSE_PRECISION = "Of PoseNet; less than f32 must pass an accuracy gate on held-out videos."
APP = "An application, with a preset or a YAML file of its parameters; may be repeated."
NO_ACTIVITY = "Applications only, no activity model; no workspace is needed then."
WHEELS = "Include the wheels of numpy, OpenCV and OpenVINO, for devices without internet."


@click.command("edge")
@click.option("--model", "package", type=click.Path(path_type=Path), help=PACKAGE)
@click.option("--out", type=click.Path(path_type=Path), default="edge", show_default=True, help=OUT)
@click.option("--pose", type=click.Choice(NETWORKS), help=POSE)
@click.option("--long-edge", type=click.IntRange(129, 2049), help=LONG_EDGE)
@click.option("--precision", type=click.Choice(PRECISIONS), default="f32", show_default=True, help=PRECISION)
@click.option("--pose-precision", type=click.Choice(PRECISIONS), default="f32", show_default=True, help=POSE_PRECISION)
@click.option("--app", "applications", multiple=True, metavar="NAME[=PRESET|FILE]", help=APP)
@click.option("--no-activity", is_flag=True, help=NO_ACTIVITY)
@click.option("--wheelhouse", is_flag=True, help=WHEELS)
@modes
def edge(
    package: Path | None,
    out: Path,
    pose: str | None,
    long_edge: int | None,
    precision: str,
    pose_precision: str,
    applications: tuple[str, ...],
    no_activity: bool,
    wheelhouse: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Export the activity model with a pose network and a launcher, for a device with a camera.

    The device needs numpy, OpenCV and OpenVINO. No AGPL code is in it. Golden clips of the test split go with it, and
    `posemill-edge check` compares the device's answers with them.

    \b
      posemill export edge --out edge && edge/posemill-edge run clip.mp4
      posemill export edge --out edge --app fall=bedroom --app repetitions
      posemill export edge --out edge.tar.gz --long-edge 257 --pose-precision int8 --wheelhouse
    """
    from posemill.operations.export_edge import export

    written = export(
        package,
        out,
        pose,
        long_edge,
        wheelhouse,
        precision=precision,
        pose_precision=pose_precision,
        applications=[(name, preset or None) for name, _, preset in (each.partition("=") for each in applications)],
        activity=not no_activity,
    )
    figures = {
        "edge": str(written.path),
        "golden_clips": written.clips,
        "size_mb": written.size_mb,
        "manifest_sha256": written.manifest_sha256,
    }
    say(figures, quiet, as_json)
    if written.note and not quiet:
        click.echo(f"note: {written.note}", err=True)
