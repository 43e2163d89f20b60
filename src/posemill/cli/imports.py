"""`posemill import`: published data sets, and keypoints and videos in the forms in which people hand them on."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, progress, say
from posemill.cli.sources import opened
from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.ingest.keypoints import Collection
    from posemill.ingest.projection import VirtualCamera

_PATH = click.Path(path_type=Path, exists=True)
_FPS = click.FloatRange(min=0.1, max=1000)
_SUBJECT = "Regular expression whose group in a name says who it is, such as 'P(\\d+)'."


@click.group("import")
def import_() -> None:
    """Import keypoint sequences, or videos by class, with their labels and official splits.

    What is faulty (empty, one frame, wrong shape, unknown class, the same content twice, a subject on both sides of
    the split) is told together, by file. `--faulty quarantine` takes the others, `--faulty refuse` takes nothing then.
    The same again changes nothing.

    \b
      posemill import penn-action Penn_Action/
      posemill import ntu nturgb+d_skeletons/ --picture colour
    """


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every form has."""
    faulty = click.option(
        "--faulty", type=click.Choice(["quarantine", "refuse"]), default="quarantine", show_default=True,
        help="Set what is faulty aside and take the others, or take nothing.",
    )  # fmt: skip
    return faulty(modes(command))


def _camera(command: Callable[..., Any]) -> Callable[..., Any]:
    """The virtual camera that keypoints in metres need."""
    for option in (
        click.option("--size", default="1920x1080", show_default=True, help="Of the virtual camera's picture."),
        click.option("--focal", default=1000.0, show_default=True, help="Its focal length, pixels."),
        click.option("--pitch", default=0.0, show_default=True, help="How far it looks down, degrees."),
        click.option("--yaw", default=0.0, show_default=True, help="How far it goes around the person, degrees."),
    ):
        command = option(command)
    return command


@import_.command("penn-action")
@click.argument("path", type=_PATH)
@click.option("--fps", default=30.0, show_default=True, type=_FPS, help="Not in the data; assumed.")
@_common
def penn_action(path: Path, fps: float, **how: Any) -> None:
    """Penn Action: a folder with labels/*.mat, or labels.tar.gz.

    Left and right are put right (Penn's files exchange them), hidden keypoints are unseen. Sequences in which nobody
    is visible are taken: they count as unanswered in the end.

    \b
      posemill import penn-action Penn_Action/
      posemill import penn-action labels.tar.gz
    """
    from posemill.ingest.datasets import penn_action as penn
    from posemill.ingest.keypoints import Collection

    origin = f"Penn Action, keypoints only; {_assumed(fps)}"
    read = lambda: penn.sequences(penn.read_files(path), fps)  # noqa: E731
    _import(Collection(penn.DATASET, origin, path, read, nobody=True), penn.count_files(path), **how)


@import_.command("jhmdb")
@click.argument("path", type=_PATH)
@click.option("--split", type=click.Choice(["1", "2", "3", "none"]), default="1", show_default=True)
@click.option("--fps", default=30.0, show_default=True, type=_FPS, help="Not in the data; assumed.")
@_common
def jhmdb(path: Path, split: str, fps: float, **how: Any) -> None:
    """JHMDB: a folder with joint_positions/<class>/<clip>/joint_positions.mat and splits/<class>_test_split1.txt.

    \b
      posemill import jhmdb JHMDB/ --split 1
    """
    from posemill.ingest.datasets import jhmdb as data
    from posemill.ingest.keypoints import Collection

    number = None if split == "none" else int(split)
    what = Collection(
        data.DATASET, f"JHMDB, joint positions, split {split}; {_assumed(fps)}", path,
        partial(data.sequences, path, split=number, fps=fps),
    )  # fmt: skip
    _import(what, data.count(path), **how)


@import_.command("ntu")
@click.argument("path", type=_PATH)
@click.option("--picture", type=click.Choice(["colour", "depth", "virtual"]), default="colour", show_default=True)
@click.option("--split", type=click.Choice(["xsub", "none"]), default="xsub", show_default=True)
@click.option("--classes", type=_PATH, help="Names of A001, A002 ..., one a line; else the code is the activity.")
@_camera
@_common
def ntu(
    path: Path, picture: str, split: str, classes: Path | None, yaw: float, pitch: float, focal: float, size: str,
    **how: Any,
) -> None:  # fmt: skip
    """NTU RGB+D (60 and 120): a folder of .skeleton files.

    Keypoints in metres become pixels: Kinect's own colour or depth picture, or that of a virtual camera.

    \b
      posemill import ntu nturgb+d_skeletons/ --classes nturgbd_120.txt
      posemill import ntu nturgb+d_skeletons/ --picture virtual --yaw 30
    """
    from posemill.ingest.datasets import ntu as data
    from posemill.ingest.keypoints import Collection

    camera = _virtual(yaw, pitch, focal, size)
    seen = f"virtual, {camera}" if picture == "virtual" else picture
    read = partial(
        data.sequences, path, picture=picture, camera=camera, classes=_classes(classes), split=split == "xsub"
    )
    _import(Collection(data.DATASET, f"NTU RGB+D, skeletons, picture {seen}", path, read), data.count(path), **how)


@import_.command("pyskl")
@click.argument("path", type=_PATH)
@click.option("--dataset", help="Its name here; default: the file's.")
@click.option("--split", help="Part of the names of its lists, such as xsub, or none; needed where it has many.")
@click.option("--classes", type=_PATH, help="One activity a line, in the order of the labels.")
@click.option("--skeleton", "points", help="Default: by the number of keypoints (17: coco-17, 25: ntu-25).")
@click.option("--subject", help=_SUBJECT)
@click.option("--fps", default=30.0, show_default=True, type=_FPS, help="Not in the data; assumed.")
@_camera
@_common
def pyskl(
    path: Path, dataset: str | None, split: str | None, classes: Path | None, points: str | None, subject: str | None,
    fps: float, yaw: float, pitch: float, focal: float, size: str, **how: Any,
) -> None:  # fmt: skip
    """PYSKL: an annotation file (.pkl), of which only plain values and arrays are read.

    Keypoints in metres ([M, T, V, 3]) are seen by a virtual camera.

    \b
      posemill import pyskl ucf101_hrnet.pkl --split 1 --classes ucf101.txt
      posemill import pyskl ntu60_hrnet.pkl --split xsub --classes nturgbd_120.txt
    """
    from posemill.ingest.datasets import pyskl as data
    from posemill.ingest.keypoints import Collection
    from posemill.pose.skeleton import skeleton

    name = dataset or path.stem
    body = skeleton(points) if points else None
    reading = data.Reading(name, fps, _classes(classes), body, subject, _virtual(yaw, pitch, focal, size))
    read = partial(data.sequences, path, reading, split=split)
    _import(Collection(name, f"PYSKL annotations {path.name}; {_assumed(fps)}", path, read), data.count(path), **how)


@import_.command("coco")
@click.argument("path", type=_PATH)
@click.option("--dataset", default="coco", show_default=True, help="Its name here.")
@click.option("--split", type=click.Choice(["train", "test"]), help="The side that the whole file is on.")
@_common
def coco(path: Path, dataset: str, split: str | None, **how: Any) -> None:
    """COCO keypoints: a JSON of single pictures, a medium of one frame each, without activity.

    \b
      posemill import coco person_keypoints_val2017.json
    """
    from posemill.ingest.datasets import coco as data
    from posemill.ingest.keypoints import Collection

    read = partial(data.sequences, path, dataset=dataset, split=split)
    _import(Collection(dataset, f"COCO keypoints {path.name}", path, read, motion=False), data.count(path), **how)


@import_.command("table")
@click.argument("path", type=_PATH)
@click.option("--dataset", help="Its name here; default: the file's or folder's.")
@click.option("--size", help="Width x height of the picture, such as 1280x720, where the table does not say it.")
@click.option("--fps", type=_FPS, help="Frames per second, where the table does not say it.")
@click.option("--classes", type=_PATH, help="The known activities, one a line; others are faulty.")
@_common
def table(
    path: Path, dataset: str | None, size: str | None, fps: float | None, classes: Path | None, **how: Any
) -> None:
    """Tracks in CSV or Parquet: one table, or a folder with media.csv and tracks-<skeleton>.csv, as `export` writes.

    Columns: medium, frame, <keypoint>_x, <keypoint>_y, and perhaps person, time_s, <keypoint>_confidence, activity,
    subject, camera, split, width_px, height_px, fps.

    \b
      posemill import table tracks.csv --size 1280x720 --fps 25
      posemill import table exported/ --dataset gym
    """
    from posemill.ingest.datasets import table as data
    from posemill.ingest.keypoints import Collection

    width, height = _size(size) if size else (None, None)
    name = dataset or path.stem
    read = partial(data.sequences, path, data.Told(name, width, height, fps))
    _import(Collection(name, f"tracks of {path.name}", path, read, classes=_classes(classes)), None, **how)


@import_.command("videos")
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dataset", help="Its name here; default: the folder's.")
@click.option("--subject", help=_SUBJECT)
@click.option("--classes", type=_PATH, help="The known activities, one a line; others are faulty.")
@_common
def videos(
    path: Path, dataset: str | None, subject: str | None, classes: Path | None, faulty: str, quiet: bool, as_json: bool
) -> None:
    """Videos by class: <class>/<video>, or train/<class>/<video> and test/<class>/<video>.

    \b
      posemill import videos UCF-101/ --subject '(\\w+)_g(\\d+)_c'
    """
    from dataclasses import asdict

    from posemill.ingest.datasets import videos as data
    from posemill.ingest.who import who

    name = dataset or path.resolve().name
    rows = data.found(path, dataset=name, subject=subject)
    with progress("looking", len(rows), quiet or as_json) as step:
        faults = data.look(rows, _classes(classes), step)
    with opened() as (engine, store), progress("adding", len(rows) - len(faults), quiet or as_json) as step:
        done = data.import_videos(
            engine, store, rows, faults, dataset=name, said_by=who(), faulty=faulty, advance=step  # type: ignore[arg-type]
        )  # fmt: skip
    figures = asdict(done)
    unreadable = [f"{source}: {reason}" for source, reason in figures.pop("unreadable")]
    lines = [*unreadable, *(f"{entry.source}: {reason}" for entry, reason in faults.items())]
    _tell(figures, list(figures.pop("conflicts")), lines, quiet, as_json)


def _import(what: Collection, total: int | None, faulty: str, quiet: bool, as_json: bool) -> None:
    from posemill.ingest.keypoints import import_sequences
    from posemill.ingest.who import who

    with (
        opened() as (engine, store),
        progress("importing", total, quiet or as_json) as step,
        engine.begin() as connection,
    ):
        done = import_sequences(connection, store, what, said_by=who(), faulty=faulty, advance=step)  # type: ignore[arg-type]
    figures = {name: getattr(done, name) for name in ("sequences", "frames", "media_added", "clips_added")}
    _tell(figures, list(done.conflicts), list(done.faults), quiet, as_json)


def _tell(figures: dict[str, Any], conflicts: list[str], faults: list[str], quiet: bool, as_json: bool) -> None:
    lists = {"conflicts": conflicts, "faults": faults}
    say(figures | (lists if as_json else {name: len(what) for name, what in lists.items()}), quiet, as_json)
    if not as_json:
        for line in (*conflicts, *(f"in quarantine: {fault}" for fault in faults)):
            click.echo(line, err=True)


def _assumed(fps: float) -> str:
    return f"no frame rate is given, {fps:g} frames per second assumed"


def _classes(path: Path | None) -> list[str] | None:
    from posemill.ingest.datasets.sequence import read_classes

    return None if path is None else read_classes(path)


def _virtual(yaw: float, pitch: float, focal: float, size: str) -> VirtualCamera:
    from posemill.ingest.projection import VirtualCamera

    return VirtualCamera(yaw, pitch, focal, *_size(size))


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise InputError(f"--size should be width x height in pixels, such as 1280x720, came {text!r}")
    return int(match[1]), int(match[2])
