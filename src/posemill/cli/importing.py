"""Options and report shared by the formats of `posemill import`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, progress, say
from posemill.cli.sources import opened
from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.ingest.keypoints import Faulty, SequenceSource
    from posemill.ingest.projection import Depth, Up, VirtualCamera

PATH = click.Path(path_type=Path, exists=True)
SPLIT_BY = click.Choice(["subject", "camera", "setup"])
FPS = click.FloatRange(min=0.1, max=1000)
SKELETON = "The keypoints: a name such as kinect-20, or a JSON file with name, keypoints, edges and pairs."
MIRRORED = (
    "The people are mirror images: metres with left-handed axes (OpenNI, Unity), or pixels of a mirrored picture. "
    "Default: right-handed axes (Kinect, cameras, motion capture), and mirrored pixels only of Kinect's 25 keypoints."
)
SUBJECT = "Regular expression whose group in a name is the subject, such as 'P(\\d+)'."


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every format has."""
    faulty = click.option(
        "--faulty",
        type=click.Choice(["quarantine", "refuse"]),
        default="quarantine",
        show_default=True,
        help="Put faulty samples into quarantine and import the others, or import nothing.",
    )
    return faulty(modes(command))


def camera(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the virtual camera for keypoints in metres."""
    for option in (
        click.option(
            "--up",
            type=click.Choice(["y", "-y", "z"]),
            default="y",
            show_default=True,
            help="The axis of the metres that points up.",
        ),
        click.option(
            "--depth",
            type=click.Choice(["project", "keep"]),
            default="project",
            show_default=True,
            help="Depth of metres: x and y as the camera sees them, or x, y and z.",
        ),
        click.option("--size", default="1920x1080", show_default=True, help="Of the virtual camera's picture."),
        click.option("--focal", default=1000.0, show_default=True, help="Its focal length, pixels."),
        click.option("--pitch", default=0.0, show_default=True, help="How far it looks down, degrees."),
        click.option("--yaw", default=0.0, show_default=True, help="How far it goes around the person, degrees."),
    ):
        command = option(command)
    return command


def run_import(source: SequenceSource, total: int | None, faulty: Faulty, quiet: bool, as_json: bool) -> None:
    """Import a data set and print the result. total: its size, for a progress bar."""
    from posemill.ingest.keypoints import import_sequences
    from posemill.store.current_user import current_user

    with (
        opened() as (engine, store),
        progress("importing", total, quiet or as_json) as step,
        engine.begin() as connection,
    ):
        done = import_sequences(connection, store, source, annotated_by=current_user(), faulty=faulty, advance=step)
    figures = {name: getattr(done, name) for name in ("sequences", "frames", "media_added", "clips_added")}
    print_result(figures, list(done.conflicts), list(done.faults), quiet, as_json)


def print_result(figures: dict[str, Any], conflicts: list[str], faults: list[str], quiet: bool, as_json: bool) -> None:
    """Print figures, and every conflict and fault: as JSON, or by number with the sentences on stderr."""
    lists = {"conflicts": conflicts, "faults": faults}
    say(figures | (lists if as_json else {name: len(sentences) for name, sentences in lists.items()}), quiet, as_json)
    if not as_json:
        for line in (*conflicts, *(f"in quarantine: {fault}" for fault in faults)):
            click.echo(line, err=True)


def assumed(fps: float) -> str:
    """Sentence for a dataset's origin about a frame rate that its files do not give."""
    return f"no frame rate is given, {fps:g} frames per second assumed"


def activities(path: Path | None) -> list[str] | None:
    """Return the activities that a file lists; None without one."""
    from posemill.ingest.sequence import read_classes

    return None if path is None else read_classes(path)


def virtual(
    yaw: float, pitch: float, focal: float, size: str, up: Up, depth: Depth, mirrored: bool = False
) -> VirtualCamera:
    """Return the virtual camera of these options."""
    from posemill.ingest.projection import VirtualCamera

    return VirtualCamera(yaw, pitch, focal, *size_of(size), up, depth, mirrored)


def size_of(text: str) -> tuple[int, int]:
    """Parse a size in pixels such as 1280x720 into width and height."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise InputError(f"--size should be width x height in pixels, such as 1280x720, came {text!r}")
    return int(match[1]), int(match[2])
