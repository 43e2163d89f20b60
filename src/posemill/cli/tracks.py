"""`posemill tracks`: overlay video and contact sheet of stored tracks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.renamed import renamed_option
from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.estimation.overlay import Drawn
    from posemill.labelling.labeller import Labeller
    from posemill.pose.track import MediumTracks, PoseTrack
    from posemill.settings import Settings
    from posemill.video.decode import Frame


@click.command()
@click.argument("which")
@click.option("--out", "folder", type=click.Path(path_type=Path, file_okay=False), help="Default: tracks/.")
@click.option("--pictures", type=click.IntRange(1), default=12, show_default=True, help="On the contact sheet.")
@click.option("--color-by-side", is_flag=True, help="Limbs in the colours of left (orange) and right (blue).")
@renamed_option("--sides", "--color-by-side", is_flag=True)
@click.option("--blur-faces", is_flag=True, help="Make the faces of tracked people unrecognizable.")
def tracks(which: str, folder: Path | None, pictures: int, color_by_side: bool, blur_faces: bool) -> None:
    """Draw the tracks of WHICH: a medium (the beginning of its digest) or a clip (its number).

    Where digits could be both, write clip:123456 or medium:123456.

    \b
    Writes a video with skeletons and a contact sheet: a colour, a number and a trail for every person, interpolated
    poses lighter and their numbers in brackets. Look whether the skeletons sit on the people, and numbers stay:
      posemill tracks 5c7fd90a
      posemill tracks 12 --out pictures/ --color-by-side
    """
    from posemill.settings import Settings
    from posemill.store.media import MediaStore

    settings = Settings.from_env()
    medium, start_s, end_s = find(settings, which)
    if medium["kind"] != "video":
        raise InputError(f"medium {medium['digest'][:12]} has keypoints only: there is no picture to draw them on")
    digest, folder = medium["digest"], folder or Path("tracks")
    labeller = _labeller(settings)
    if labeller.missing([digest]):
        raise InputError(f"medium {digest[:12]} is not labelled with the parameters of params.yaml: `posemill label`")
    tracked = labeller.labelled(digest)
    draw_tracks(
        MediaStore(settings.store_url).fetch_picture(digest),
        tracked,
        folder / digest[:12],
        start_s,
        end_s,
        pictures,
        color_by_side,
        blur_faces,
    )
    people = ", ".join(map(counted, tracked.tracks)) or "nobody was found"
    click.echo(f"{folder / digest[:12]}.mp4 and .png: {people}")


def counted(track: PoseTrack) -> str:
    """Format a person with the number of poses."""
    from posemill.pose.gaps import found_only

    found = len(found_only(track))
    filled = f" and {len(track) - found} interpolated" if len(track) > found else ""
    return f"person {track.person}: {found} poses{filled}"


def _labeller(settings: Settings) -> Labeller:
    from posemill import params
    from posemill.labelling.labeller import open_labeller

    return open_labeller(params.load(settings.workspace / "params.yaml").label, settings)


def find(settings: Settings, which: str) -> tuple[Any, float, float]:
    """Row of the medium, and start and end in seconds of the clip (all of it for a medium); see references.resolve."""
    from posemill.store.postgres import opened_engine
    from posemill.store.references import resolve

    with opened_engine(settings) as engine, engine.connect() as connection:
        reference = resolve(connection, which)
    return reference.medium, reference.start_s, reference.end_s


def draw_tracks(
    path: Path,
    tracked: MediumTracks,
    target: Path,
    start_s: float,
    end_s: float,
    pictures: int,
    color_by_side: bool,
    blur_faces: bool = False,
) -> None:
    """Write the overlay video `target`.mp4 and the contact sheet `target`.png."""
    from posemill.estimation import draw
    from posemill.video.draw import contact_sheet, write_png
    from posemill.video.sandboxed import probe_sandboxed

    facts = probe_sandboxed(path)
    frames, kept = (min(end_s, facts.duration_s) - start_s) * facts.fps, []
    middles = {int((part + 0.5) * frames / pictures) for part in range(pictures)}
    numbers = itertools.count()

    def keep(frame: Frame, people: Sequence[Drawn]) -> None:
        if next(numbers) in middles:
            kept.append((frame.image, f"{frame.time_s:.1f} s: {', '.join(map(str, people)) or 'nobody'}"))

    draw.draw_tracks(
        tracked,
        path,
        target.with_suffix(".mp4"),
        start_s=start_s,
        end_s=end_s,
        color_by_side=color_by_side,
        blur_faces=blur_faces,
        on_frame=keep,
        sandboxed=True,
    )
    cell = 320, round(320 * facts.height_px / facts.width_px)
    sheet = contact_sheet([i for i, _ in kept], 4, [caption for _, caption in kept], cell_px=cell)
    write_png(target.with_suffix(".png"), sheet)
