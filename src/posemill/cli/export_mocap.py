"""`posemill export mocap`: motion-capture files of a clip, of tracks, or of a marker file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.output import modes, say
from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.pose.track import MediumTracks

VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")
FORMATS = ("bvh", "c3d", "trc", "mot", "csv", "plot")


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--to", "forms", default="bvh,c3d,trc,mot,csv,plot", show_default=True, help="Formats, with commas.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="mocap", show_default=True)
@click.option("--height-m", type=click.FloatRange(0.4, 2.6), help="Standing height: the scale of all lengths.")
@click.option("--person", type=int, multiple=True, help="Number of a person; default: everybody.")
@click.option("--cutoff-hz", type=click.FloatRange(0, 60), help="Low-pass filter; default: chosen by the noise.")
@click.option("--no-foot-lock", is_flag=True, help="Do not keep standing feet in place.")
@click.option("--backend", help="Pose backend for a video; one with depth, such as blazepose, gives angles in space.")
@click.option("--model", type=click.Path(path_type=Path, exists=True), help="OpenSim model, with a TRC file.")
@click.option("--setup", type=click.Path(path_type=Path, exists=True), help="OpenSim's IK set-up: weights of markers.")
@modes
def mocap(
    source: Path,
    forms: str,
    out: Path,
    height_m: float | None,
    person: tuple[int, ...],
    cutoff_hz: float | None,
    no_foot_lock: bool,
    backend: str | None,
    model: Path | None,
    setup: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write motion-capture files of SOURCE: a video, tracks (a track file, or a format of `posemill export`), or a TRC.

    One file a person and format. Without --height-m an average height is assumed: angles do not change, lengths do.
    A TRC file of markers becomes joint angles: with --model by inverse kinematics as OpenSim solves it.

    \b
      posemill export mocap squat.mp4 --height-m 1.82 --backend blazepose
      posemill export mocap tracks.parquet --to trc,mot --out gait/
      posemill export mocap walk.trc --model subject.osim --setup walk_Setup_IK.xml --to mot
    """
    names = [form.strip() for form in forms.split(",") if form.strip()]
    if unknown := [name for name in names if name not in FORMATS]:
        raise InputError(f"unknown format of motion capture {unknown[0]!r}; known are {', '.join(FORMATS)}")
    if source.suffix.lower() == ".trc":
        written = _markers(source, names, out, model, setup)
    else:
        written = _tracks(source, names, out, height_m, person, cutoff_hz, not no_foot_lock, backend)
    say({"files": len(written), "out": str(out), "height_known": height_m is not None}, quiet, as_json)


def _tracks(
    source: Path,
    forms: Sequence[str],
    out: Path,
    height_m: float | None,
    people: Sequence[int],
    cutoff_hz: float | None,
    foot_lock: bool,
    backend: str | None,
) -> list[Path]:
    from posemill.applications.mocap.capture import capture
    from posemill.applications.mocap.export import write_capture
    from posemill.applications.mocap.params import MocapParams

    tracks = read_source(source, backend)
    known = [track.person for track in tracks.tracks]
    if unknown := [number for number in people if number not in known]:
        raise InputError(f"{source} has no person {unknown[0]}; it has {', '.join(map(str, known)) or 'nobody'}")
    params = MocapParams(height_m=height_m, cutoff_hz=cutoff_hz, foot_lock=foot_lock)
    chosen = [track for track in tracks.tracks if not people or track.person in people]
    if not chosen:
        raise InputError(f"{source}: nobody was found")
    captures, failures = [], []
    for track in chosen:
        try:
            captures.append(capture(track, tracks.width_px, tracks.height_px, params))
        except InputError as exc:  # somebody without legs in view must not cost the others their files
            failures.append(f"person {track.person}: {exc}")
    if not captures:
        raise InputError(f"{source}: {'; '.join(failures)}")
    for failure in failures:
        click.echo(f"left out {failure}", err=True)
    return write_capture(captures, forms, out, source.stem)


def read_source(source: Path, backend: str | None = None) -> MediumTracks:
    """Return the tracks of a video (estimated now), a track file, or a file or folder in a known format."""
    if source.suffix.lower() in VIDEOS:
        from posemill.cli.draw import tracked_video
        from posemill.settings import Settings

        return tracked_video(Settings.from_env(), source, backend)
    if source.is_file() and source.suffix == ".parquet":
        from posemill.store.track_file import read_medium

        return read_medium(source)
    from posemill.formats.registry import read_tracks

    return read_tracks(source)


def _markers(source: Path, forms: Sequence[str], out: Path, model: Path | None, setup: Path | None) -> list[Path]:
    from posemill.applications.mocap.export import write_marker_angles

    if wrong := [form for form in forms if form not in ("mot", "csv")]:
        raise InputError(f"{source}: markers become joint angles, --to mot or csv; came {wrong[0]}")
    return write_marker_angles(source, forms, out, model, setup)
