"""`posemill export`: tracks in the formats that other tools read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, say
from posemill.errors import InputError
from posemill.formats.registry import export_tracks, writable

if TYPE_CHECKING:
    from posemill.formats.pyskl import ClipSpan
    from posemill.pose.track import MediumTracks

VISIBLE = "COCO: keypoints less confident are placed, not visible (1)."


BELOW = {
    "mocap": "posemill.cli.export_mocap:mocap",
    "edge": "posemill.cli.export_edge:edge",
    "browser": "posemill.cli.export_browser:browser",
}


class _Export(click.Command):
    """The command, and those of BELOW, which have options of their own."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse the arguments, those of a command below by its own options."""
        if not args or args[0] not in BELOW:
            return super().make_context(info_name, args, parent, **extra)
        module, attribute = BELOW[args[0]].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that the context was made for."""
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)


@click.command(cls=_Export)
@click.argument("which", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(writable()), required=True)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="export", show_default=True)
@click.option("--dataset", multiple=True, help="With `tracks`: only of this dataset.")
@click.option("--visible-from", type=click.FloatRange(0, 1), default=0.2, show_default=True, help=VISIBLE)
@modes
def export(
    which: tuple[str, ...],
    form: str,
    out: Path,
    dataset: tuple[str, ...],
    visible_from: float,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write tracks to OUT. WHICH: `tracks` (all that is labelled), media (beginnings of digests) or clips (numbers).

    Where digits could be both, write clip:123456 or medium:123456.
    Corrected keypoints are what people said. What becomes of unseen keypoints is in docs/howto/formats.md.
    `posemill export mocap` writes motion-capture files (BVH, C3D, TRC, MOT), `posemill export edge` a model for a
    device with a camera, `posemill export browser` one in a web page: see their --help.

    \b
      posemill export tracks --format coco --out coco/
      posemill export 5c7fd90a 12 --format openpose-body25
      posemill export tracks --dataset gym --format pyskl --out pyskl/
    """
    media, clips = _chosen(which, dataset)
    written = export_tracks(media, out, form, visible_from=visible_from, clips=clips)
    say({"files": written, "out": str(out)}, quiet, as_json)


def _chosen(which: Sequence[str], datasets: Sequence[str]) -> tuple[list[MediumTracks], dict[str, list[ClipSpan]]]:
    """Return the tracks of what is named, and the clips of each medium."""
    from posemill.review.labelled import open_labelled
    from posemill.settings import Settings
    from posemill.store.catalog import clips
    from posemill.store.postgres import opened_engine
    from posemill.store.references import resolve

    settings = Settings.from_env()
    media: list[MediumTracks] = []
    spans: dict[str, list[ClipSpan]] = {}
    with opened_engine(settings) as engine, engine.connect() as connection:
        labelled, by_medium = open_labelled(settings, connection), defaultdict(list)
        for row in clips(connection):
            by_medium[row["medium"]].append(_span(row))
        for name in which:
            if name == "tracks":
                rows = labelled.rows.items()
                digests = [d for d, row in rows if not datasets or row["dataset"] in datasets]
                media += [labelled.tracks(digest) for digest in digests]
                spans |= {digest: by_medium[digest] for digest in digests}
                continue
            reference = resolve(connection, name)
            digest = reference.medium["digest"]
            span = None if reference.clip is None else _span(reference.clip)
            tracks = labelled.tracks(digest)
            media.append(tracks if span is None else _within(tracks, span))
            spans[digest] = by_medium[digest] if span is None else [span]
    if len({tracks.medium for tracks in media}) != len(media):
        raise InputError(f"{' '.join(which)} names a medium twice: name it, or one of its clips")
    if not media:
        raise InputError("nothing of this is labelled with the parameters of params.yaml: `posemill label`")
    return media, spans


def _span(row: Any) -> ClipSpan:
    from posemill.formats.pyskl import ClipSpan

    end_s = float("inf") if row["end_s"] is None else row["end_s"]
    return ClipSpan(f"{row['medium'][:16]}-{row['clip']}", row["start_s"], end_s, row["activity"], row["split"])


def _within(tracks: MediumTracks, span: ClipSpan) -> MediumTracks:
    parts = (track.between(span.start_s, span.end_s) for track in tracks.tracks)
    return replace(tracks, tracks=tuple(part for part in parts if len(part)))
