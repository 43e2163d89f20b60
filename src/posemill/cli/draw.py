"""`posemill draw`: overlay of the tracks in any video, also one that is not in the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.renamed import renamed_option
from posemill.cli.tracks import counted, draw_tracks, find
from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.params.label import LabelParams
    from posemill.pose.track import MediumTracks
    from posemill.settings import Settings


@click.command()
@click.argument("which")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), default="drawn", show_default=True)
@click.option("--pictures", type=click.IntRange(1), default=12, show_default=True, help="On the contact sheet.")
@click.option("--color-by-side", is_flag=True, help="Limbs in the colours of left (orange) and right (blue).")
@renamed_option("--sides", "--color-by-side", is_flag=True)
@click.option("--blur-faces", is_flag=True, help="Make the faces of tracked people unrecognizable.")
def draw(which: str, folder: Path, pictures: int, color_by_side: bool, blur_faces: bool) -> None:
    """Draw the people of WHICH: a video FILE, or a medium (beginning of its digest) or clip (number) of the database.

    A file is labelled on the spot by the labeller of params.yaml, and nothing of it is kept. Of the database's media
    the stored tracks are drawn, with the corrections that people made.

    \b
      posemill draw holiday.mp4
      posemill draw 12 --out pictures/ --color-by-side
    """
    from posemill.settings import Settings

    settings = Settings.from_env()
    start_s, end_s, path = 0.0, float("inf"), Path(which)
    if path.is_file():
        tracked, name = tracked_video(settings, path), path.stem
    elif path.suffix:
        raise InputError(f"there is no file {which}")
    else:
        medium, start_s, end_s = find(settings, which)
        if medium["kind"] != "video":
            raise InputError(f"medium {medium['digest'][:12]} has keypoints only: there is no picture to draw them on")
        tracked, path = _stored(settings, medium["digest"])
        name = medium["digest"][:12]
    draw_tracks(path, tracked, folder / name, start_s, end_s, pictures, color_by_side, blur_faces)
    click.echo(f"{folder / name}.mp4 and .png: {', '.join(map(counted, tracked.tracks)) or 'nobody was found'}")


def tracked_video(settings: Settings, path: Path, backend: str | None = None) -> MediumTracks:
    """Estimate and track the poses of a video with params.yaml's labeller, or another backend; nothing is kept."""
    from posemill.cli.output import progress
    from posemill.estimation.estimator import PoseEstimator
    from posemill.video.sandboxed import probe_sandboxed

    estimator = PoseEstimator(backend, params=_section(settings))
    with progress("labelling", probe_sandboxed(path).frames // estimator.params.frame_stride, False) as step:
        return estimator.track(path, on_frame=lambda _: step(), sandboxed=True)


def _section(settings: Settings) -> LabelParams:
    from posemill import params
    from posemill.params.label import LabelParams

    file = settings.workspace / "params.yaml"
    if not file.is_file():
        click.echo(f"no {file}: the labeller has its defaults", err=True)
        return LabelParams()
    return params.load(file).label


def _stored(settings: Settings, digest: str) -> tuple[MediumTracks, Path]:
    from posemill.review.labelled import open_labelled
    from posemill.store.postgres import opened_engine

    with opened_engine(settings) as engine, engine.connect() as connection:
        labelled = open_labelled(settings, connection)
    return labelled.tracks(digest), labelled.path(digest)
