"""`posemill import pyskl`, `coco`, `table`, `taught`, `videos`: exchange formats of data sets."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.importing import (
    FPS,
    MIRRORED,
    PATH,
    SKELETON,
    SPLIT_BY,
    SUBJECT,
    activities,
    assumed,
    camera,
    common,
    print_result,
    run_import,
    size_of,
    virtual,
)
from posemill.cli.output import progress
from posemill.cli.sources import opened, print_left_out

if TYPE_CHECKING:
    from posemill.ingest.keypoints import Faulty
    from posemill.ingest.projection import Depth, Up
    from posemill.ingest.protocol import SplitBy


FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("pyskl")
@click.argument("path", type=PATH)
@click.option("--dataset", help="Its name here; default: the file's.")
@click.option("--split", help="Part of the names of its lists, such as xsub, or none; needed where it has many.")
@click.option("--classes", type=PATH, help="One activity a line, in the order of the labels.")
@click.option(
    "--skeleton", "skeleton_name", help=f"{SKELETON} Default: by the number of keypoints (docs/howto/import.md)."
)
@click.option("--subject", help=SUBJECT)
@click.option("--camera", "camera_of", help="Like --subject, for the camera.")
@click.option("--split-by", type=SPLIT_BY, help="What the split tells apart; default: by its name (xview, xset).")
@click.option("--mirrored/--not-mirrored", default=None, help=MIRRORED)
@click.option("--fps", default=30.0, show_default=True, type=FPS, help="Not in the data; assumed.")
@camera
@common
def pyskl(
    path: Path,
    dataset: str | None,
    split: str | None,
    classes: Path | None,
    skeleton_name: str | None,
    subject: str | None,
    camera_of: str | None,
    split_by: SplitBy | None,
    mirrored: bool | None,
    fps: float,
    yaw: float,
    pitch: float,
    focal: float,
    size: str,
    up: Up,
    depth: Depth,
    **how: Any,
) -> None:
    """PYSKL: an annotation file (.pkl), of which only plain values and arrays are read.

    Keypoints in metres ([M, T, V, 3]) are seen by a virtual camera, or keep x, y and z with --depth keep.

    \b
      posemill import pyskl ucf101_hrnet.pkl --split 1 --classes ucf101.txt
      posemill import pyskl ntu60_hrnet.pkl --split xsub --classes nturgbd_120.txt
      posemill import pyskl ntu60_3danno.pkl --split xsub --classes nturgbd_120.txt --depth keep
    """
    from posemill.ingest.datasets import pyskl as data
    from posemill.ingest.keypoints import SequenceSource
    from posemill.ingest.protocol import split_by_of
    from posemill.pose.definition import chosen

    name = dataset or path.stem
    skeleton = chosen(skeleton_name) if skeleton_name else None
    options = data.ReadOptions(
        name,
        fps,
        activities(classes),
        skeleton,
        subject,
        virtual(yaw, pitch, focal, size, up, depth, bool(mirrored)),
        mirrored,
        camera_of,
    )
    by = split_by or split_by_of(split)
    origin = f"PYSKL annotations {path.name}; {assumed(fps)}" + ("" if by == "subject" else f"; split by {by}")
    read = partial(data.sequences, path, options, split=split)
    run_import(SequenceSource(name, origin, path, read, split_by=by), None, **how)


@click.command("coco")
@click.argument("path", type=PATH)
@click.option("--dataset", default="coco", show_default=True, help="Its name here.")
@click.option("--split", type=click.Choice(["train", "test"]), help="The side that the whole file is on.")
@common
def coco(path: Path, dataset: str, split: str | None, **how: Any) -> None:
    """COCO keypoints: a JSON of single pictures, a medium of one frame each, without activity.

    \b
      posemill import coco person_keypoints_val2017.json
    """
    from posemill.ingest.datasets import coco as data
    from posemill.ingest.keypoints import SequenceSource

    read = partial(data.sequences, path, dataset=dataset, split=split)
    run_import(SequenceSource(dataset, f"COCO keypoints {path.name}", path, read, require_motion=False), None, **how)


@click.command("table")
@click.argument("path", type=PATH)
@click.option("--dataset", help="Its name here; default: the file's or folder's.")
@click.option("--size", help="Width x height of the picture, such as 1280x720, where the table does not say it.")
@click.option("--fps", type=FPS, help="Frames per second, where the table does not say it.")
@click.option("--skeleton", "skeleton_name", help=f"{SKELETON} Default: by the names of the columns.")
@click.option("--classes", type=PATH, help="The known activities, one a line; others are faulty.")
@click.option(
    "--depth",
    type=click.Choice(["none", "keep"]),
    default="none",
    show_default=True,
    help="Whether columns <keypoint>_z are read: x, y and z are then in any unit, and laid into the picture.",
)
@click.option(
    "--up",
    type=click.Choice(["y", "-y", "z"]),
    default="y",
    show_default=True,
    help="The axis that points up, with --depth keep.",
)
@click.option("--mirrored", is_flag=True, help="The axes are left-handed (OpenNI, Unity), with --depth keep.")
@click.option("--split-by", type=SPLIT_BY, default="subject", show_default=True, help="What its split tells apart.")
@common
def table(
    path: Path,
    dataset: str | None,
    size: str | None,
    fps: float | None,
    skeleton_name: str | None,
    classes: Path | None,
    depth: str,
    up: Up,
    mirrored: bool,
    split_by: SplitBy,
    **how: Any,
) -> None:
    """Tracks in CSV or Parquet: one table, or a folder with media.csv and tracks-<skeleton>.csv, as `export` writes.

    Columns: medium, frame, <keypoint>_x, <keypoint>_y, and perhaps person, time_s, <keypoint>_confidence, activity,
    subject, camera, split, width_px, height_px, fps.

    \b
      posemill import table tracks.csv --size 1280x720 --fps 25
      posemill import table exported/ --dataset gym
      posemill import table mocap.csv --fps 60 --depth keep --up z
    """
    from posemill.ingest.datasets import table as data
    from posemill.ingest.keypoints import SequenceSource
    from posemill.pose.definition import chosen

    width, height = size_of(size) if size else (None, None)
    name = dataset or path.stem
    skeleton = chosen(skeleton_name) if skeleton_name else None
    defaults = data.TableDefaults(
        name, width, height, fps, skeleton, up if depth == "keep" else None, mirrored=mirrored
    )
    read = partial(data.sequences, path, defaults)
    source = SequenceSource(name, f"tracks of {path.name}", path, read, classes=activities(classes), split_by=split_by)
    run_import(source, None, **how)
    if not how["as_json"]:
        print_left_out(data.unread_columns(path, defaults))


@click.command("taught")
@click.argument("path", type=PATH)
@click.option("--dataset", help="Its name here; default: the file's.")
@click.option(
    "--model", type=click.Path(path_type=Path, file_okay=False), help="Write the taught model as a package there."
)
@common
def taught(path: Path, dataset: str | None, model: Path | None, **how: Any) -> None:
    """Examples that were recorded in the live page's teach mode: its Download, a JSON file.

    Each example becomes tracks with an activity and a subject. With --model the small model that the page trained
    becomes a package too, which answers as in the page; train on the imported examples for a better one.

    \b
      posemill import taught taught-2026-05-04.json
      posemill import taught taught-2026-05-04.json --model build/taught
    """
    from posemill.errors import InputError
    from posemill.ingest.datasets import taught as data
    from posemill.ingest.keypoints import SequenceSource
    from posemill.prediction.taught import read_taught

    content, name = read_taught(path), dataset or path.stem
    if model is not None:
        from posemill.packaging.taught import package_taught

        if content.model is None:
            raise InputError(f"{path} has examples only, no model: press Train in the page before Download")
        package_taught(content.model, content.pose_network, model)
    read = partial(data.sequences, path, dataset=name)
    origin = f"examples taught in the live page on {content.created[:10]}; poses by {content.pose_network}"
    run_import(SequenceSource(name, origin, path, read, require_motion=False), len(content.examples), **how)


@click.command("videos")
@click.argument("path", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--dataset", help="Its name here; default: the folder's.")
@click.option("--subject", help=SUBJECT)
@click.option("--classes", type=PATH, help="The known activities, one a line; others are faulty.")
@common
def videos(
    path: Path,
    dataset: str | None,
    subject: str | None,
    classes: Path | None,
    faulty: Faulty,
    quiet: bool,
    as_json: bool,
) -> None:
    """Videos by class: <class>/<video>, or train/<class>/<video> and test/<class>/<video>.

    \b
      posemill import videos UCF-101/ --subject '(\\w+)_g(\\d+)_c'
    """
    from dataclasses import asdict

    from posemill.ingest.datasets import videos as data
    from posemill.store.current_user import current_user

    name = dataset or path.resolve().name
    left_out: dict[str, str] = {}
    rows = data.video_entries(path, dataset=name, subject=subject, left_out=left_out)
    with progress("looking", len(rows), quiet or as_json) as step:
        faults = data.find_faults(rows, activities(classes), step)
    with opened() as (engine, store), progress("adding", len(rows) - len(faults), quiet or as_json) as step:
        done = data.import_videos(
            engine,
            store,
            rows,
            faults,
            dataset=name,
            annotated_by=current_user(),
            faulty=faulty,
            advance=step,
        )
    figures = asdict(done)
    unreadable = [f"{source}: {reason}" for source, reason in figures.pop("unreadable")]
    lines = [*unreadable, *(f"{entry.source}: {reason}" for entry, reason in faults.items())]
    print_result(figures, list(figures.pop("conflicts")), lines, quiet, as_json)
    if not as_json:
        print_left_out(left_out)
