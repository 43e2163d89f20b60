"""`posemill import penn-action`, `jhmdb`, `ntu`: published data sets in their published form."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.importing import FPS, PATH, activities, assumed, camera, common, run_import, virtual

if TYPE_CHECKING:
    from posemill.ingest.datasets.ntu import Picture, Protocol
    from posemill.ingest.projection import Depth, Up


@click.command("penn-action")
@click.argument("path", type=PATH)
@click.option("--fps", default=30.0, show_default=True, type=FPS, help="Not in the data; assumed.")
@common
def penn_action(path: Path, fps: float, **how: Any) -> None:
    """Penn Action: a folder with labels/*.mat, or labels.tar.gz.

    Left and right are put right (Penn's files exchange them), hidden keypoints are unseen. Sequences in which nobody
    is visible are taken: they count as unanswered in the end.

    \b
      posemill import penn-action Penn_Action/
      posemill import penn-action labels.tar.gz
    """
    from posemill.ingest.datasets import penn_action as penn
    from posemill.ingest.keypoints import SequenceSource

    origin = f"Penn Action, keypoints only; {assumed(fps)}"
    read = lambda: penn.sequences(penn.read_files(path), fps)  # noqa: E731
    run_import(SequenceSource(penn.DATASET, origin, path, read, allow_empty=True), penn.count_files(path), **how)


@click.command("jhmdb")
@click.argument("path", type=PATH)
@click.option("--split", type=click.Choice(["1", "2", "3", "none"]), default="1", show_default=True)
@click.option("--fps", default=30.0, show_default=True, type=FPS, help="Not in the data; assumed.")
@common
def jhmdb(path: Path, split: str, fps: float, **how: Any) -> None:
    """JHMDB: a folder with joint_positions/<class>/<clip>/joint_positions.mat and splits/<class>_test_split1.txt.

    \b
      posemill import jhmdb JHMDB/ --split 1
    """
    from posemill.ingest.datasets import jhmdb as data
    from posemill.ingest.keypoints import SequenceSource

    number = None if split == "none" else int(split)
    source = SequenceSource(
        data.DATASET,
        f"JHMDB, joint positions, split {split}; {assumed(fps)}",
        path,
        partial(data.sequences, path, split=number, fps=fps),
    )
    run_import(source, data.count(path), **how)


@click.command("ntu")
@click.argument("path", type=PATH)
@click.option("--picture", type=click.Choice(["colour", "depth", "virtual"]), default="colour", show_default=True)
@click.option("--split", type=click.Choice(["xsub", "xview", "xset", "none"]), default="xsub", show_default=True)
@click.option("--classes", type=PATH, help="Names of A001, A002 ..., one a line; else the code is the activity.")
@camera
@common
def ntu(
    path: Path,
    picture: Picture,
    split: Protocol,
    classes: Path | None,
    yaw: float,
    pitch: float,
    focal: float,
    size: str,
    up: Up,
    depth: Depth,
    **how: Any,
) -> None:
    """NTU RGB+D (60 and 120): a folder of .skeleton files.

    Keypoints in metres become pixels: Kinect's own colour or depth picture, or that of a virtual camera. With --depth
    keep they keep x, y and z, whatever the picture. Left and right are put right: Kinect's pictures are mirrored.

    The official split is by performer (xsub), camera (xview) or set-up (xset); with the last two everybody is on both
    sides: set prepare.split.by to camera or setup as well.

    \b
      posemill import ntu nturgb+d_skeletons/ --classes nturgbd_120.txt
      posemill import ntu nturgb+d_skeletons/ --picture virtual --yaw 30
      posemill import ntu nturgb+d_skeletons/ --depth keep
    """
    from posemill.ingest.datasets import ntu as data
    from posemill.ingest.keypoints import SequenceSource

    seen_by = virtual(yaw, pitch, focal, size, up, depth)
    picture = "virtual" if depth == "keep" else picture
    seen = f"virtual, {seen_by}" if picture == "virtual" else picture
    read = partial(data.sequences, path, picture=picture, camera=seen_by, classes=activities(classes), split=split)
    run_import(
        SequenceSource(
            data.DATASET,
            f"NTU RGB+D, skeletons, picture {seen}, split {split}",
            path,
            read,
            split_by=data.SPLIT_BY[split],
        ),
        data.count(path),
        **how,
    )
