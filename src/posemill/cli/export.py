"""`posemill export`: tracks in the formats that other tools read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, say
from posemill.errors import InputError
from posemill.formats.registry import export_tracks, writable

if TYPE_CHECKING:
    from posemill.formats.pyskl import ClipSpan
    from posemill.pose.track import MediumTracks
    from posemill.review.labelled import Labelled

SHORTEST_DIGEST = 6  # characters from which digits may be the beginning of a digest
VISIBLE = "COCO: keypoints less confident are placed, not visible (1)."


@click.command()
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

    Corrected keypoints are what people said. What becomes of unseen keypoints is in docs/howto/formats.md.

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
    from posemill.review.labelled import open_labelled, whole_digest
    from posemill.settings import Settings
    from posemill.store.catalog import clips
    from posemill.store.postgres import open_engine

    settings = Settings.from_env()
    engine = open_engine(settings)
    media: list[MediumTracks] = []
    spans: dict[str, list[ClipSpan]] = {}
    try:
        with engine.connect() as connection:
            labelled = open_labelled(settings, connection)
            known = _Clips.of(clips(connection))
            for name in which:
                for digest, rows in _named(name, labelled, known, datasets, partial(whole_digest, connection)):
                    tracks = labelled.tracks(digest)
                    media.append(_within(tracks, _span(rows[0])) if known.number(name) is not None else tracks)
                    spans[digest] = [_span(row) for row in rows]
    finally:
        engine.dispose()
    if len({tracks.medium for tracks in media}) != len(media):
        raise InputError(f"{' '.join(which)} names a medium twice: name it, or one of its clips")
    if not media:
        raise InputError("nothing of this is labelled with the parameters of params.yaml: `posemill label`")
    return media, spans


@dataclass(frozen=True, slots=True, eq=False)
class _Clips:
    """Database rows of the clips, by number and by medium."""

    by_number: dict[int, Any]
    by_medium: dict[str, list[Any]]

    @classmethod
    def of(cls, rows: Iterable[Any]) -> _Clips:
        by_medium: dict[str, list[Any]] = {}
        by_number = {}
        for row in rows:
            by_number[row["clip"]] = row
            by_medium.setdefault(row["medium"], []).append(row)
        return cls(by_number, by_medium)

    def number(self, name: str) -> int | None:
        """Return the clip's number; None for the beginning of a digest, which may have digits only."""
        is_clip = name.isdigit() and (int(name) in self.by_number or len(name) < SHORTEST_DIGEST)
        return int(name) if is_clip else None


def _named(
    name: str, labelled: Labelled, known: _Clips, datasets: Sequence[str], digest_of: Callable[[str], str]
) -> list[tuple[str, list[Any]]]:
    """Return (digest, clips) of one word of WHICH."""
    if name == "tracks":
        rows = labelled.rows.items()
        return [(d, known.by_medium.get(d, [])) for d, row in rows if not datasets or row["dataset"] in datasets]
    number = known.number(name)
    if number is None:
        digest = digest_of(name)
        return [(digest, known.by_medium.get(digest, []))]
    if number not in known.by_number:
        raise InputError(f"there is no clip {name}: see `posemill segments list`")
    clip = known.by_number[number]
    return [(clip["medium"], [clip])]


def _span(row: Any) -> ClipSpan:
    from posemill.formats.pyskl import ClipSpan

    end_s = float("inf") if row["end_s"] is None else row["end_s"]
    return ClipSpan(f"{row['medium'][:16]}-{row['clip']}", row["start_s"], end_s, row["activity"], row["split"])


def _within(tracks: MediumTracks, span: ClipSpan) -> MediumTracks:
    parts = (track.between(span.start_s, span.end_s) for track in tracks.tracks)
    return replace(tracks, tracks=tuple(part for part in parts if len(part)))
