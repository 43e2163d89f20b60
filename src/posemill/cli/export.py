"""`posemill export`: tracks in the formats that other tools read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.output import modes, say
from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.formats.pyskl import ClipSpan
    from posemill.pose.track import MediumTracks
    from posemill.review.labelled import Labelled

FORMATS = ("coco", "openpose-body25", "openpose-coco18", "openpifpaf", "pyskl", "csv", "parquet")
VISIBLE = "COCO: keypoints less confident are placed, not visible (1)."


@click.command()
@click.argument("which", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(FORMATS), required=True)
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

    Corrected keypoints are what people said. What becomes of unseen keypoints is in docs/howto/review.md.

    \b
      posemill export tracks --format coco --out coco/
      posemill export 5c7fd90a 12 --format openpose-body25
      posemill export tracks --dataset gym --format pyskl --out pyskl/
    """
    with _chosen(which, dataset) as (media, cuts):
        written = _write(form, out, media, cuts, visible_from)
    say({"files": written, "out": str(out)}, quiet, as_json)


@contextmanager
def _chosen(which: Sequence[str], datasets: Sequence[str]) -> Iterator[tuple[list[MediumTracks], list[list[ClipSpan]]]]:
    """Tracks of what is named, and for each the clips in it."""
    from posemill.formats.pyskl import ClipSpan
    from posemill.review.labelled import open_labelled, whole_digest
    from posemill.settings import Settings
    from posemill.store.catalog import clips
    from posemill.store.postgres import open_engine

    settings = Settings.from_env()
    engine = open_engine(settings)
    try:
        with engine.connect() as connection:
            labelled, known = open_labelled(settings, connection), clips(connection)
            by_medium: dict[str, list[Any]] = {}
            for row in known:
                by_medium.setdefault(row["medium"], []).append(row)
            media: list[MediumTracks] = []
            cuts: list[list[ClipSpan]] = []
            for name in which:
                for digest, rows in _named(name, labelled, by_medium, datasets, lambda w: whole_digest(connection, w)):
                    stretches = [
                        ClipSpan(
                            f"{digest[:16]}-{r['clip']}",
                            r["start_s"],
                            float("inf") if r["end_s"] is None else r["end_s"],
                            r["activity"],
                            r["split"],
                        )
                        for r in rows
                    ]
                    whole = labelled.tracks(digest)
                    media.append(_within(whole, stretches) if name.isdigit() and len(name) < 6 else whole)
                    cuts.append(stretches)
    finally:
        engine.dispose()
    if len({m.medium for m in media}) != len(media):
        raise InputError(f"{' '.join(which)} names a medium twice: name it, or one of its clips")
    if not media:
        raise InputError("nothing of this is labelled with the parameters of params.yaml: `posemill label`")
    yield media, cuts


def _named(
    name: str, labelled: Labelled, by_medium: dict[str, list[Any]], datasets: Sequence[str], digest_of: Any
) -> list[tuple[str, list[Any]]]:
    """(digest, clips) of one word of WHICH."""
    if name == "tracks":
        rows = labelled.rows.items()
        return [(d, by_medium.get(d, [])) for d, row in rows if not datasets or row["dataset"] in datasets]
    if name.isdigit() and len(name) < 6:
        found = [r for rows in by_medium.values() for r in rows if r["clip"] == int(name)]
        if not found:
            raise InputError(f"there is no clip {name}: see `posemill segments list`")
        return [(found[0]["medium"], found)]
    digest = digest_of(name)
    return [(digest, by_medium.get(digest, []))]


def _within(tracks: MediumTracks, stretches: Sequence[ClipSpan]) -> MediumTracks:
    (cut,) = stretches
    parts = (track.between(cut.start_s, cut.end_s) for track in tracks.tracks)
    return replace(tracks, tracks=tuple(part for part in parts if len(part)))


def _write(
    form: str, out: Path, media: Sequence[MediumTracks], cuts: Sequence[list[ClipSpan]], visible_from: float
) -> int:
    """Returns how many files were written."""
    if form == "coco":
        from posemill.formats.coco import write_coco, write_results

        write_coco(out / "keypoints.json", media, visible_from)
        write_results(out / "results.json", out / "keypoints.json")
        return 2
    if form.startswith("openpose"):
        from posemill.formats.openpose import LAYOUTS, write_openpose

        return sum(write_openpose(out / tracks.medium[:16], tracks, LAYOUTS[form]) for tracks in media)
    if form == "openpifpaf":
        from posemill.formats.openpifpaf import write_openpifpaf

        for tracks in media:
            write_openpifpaf(out / f"{tracks.medium[:16]}.openpifpaf.json", tracks)
        return len(media)
    if form == "pyskl":
        from posemill.formats.pyskl import write_pyskl

        names = sorted({tracks.skeleton.name for tracks in media})  # a file has one number of keypoints
        for name in names:
            pairs = zip(media, cuts, strict=True)
            write_pyskl(out / f"{name}.pkl", [(t, c) for t, c in pairs if t.skeleton.name == name])
        return len(names)
    from posemill.formats.table import write_tables

    return len(write_tables(out, media, "csv" if form == "csv" else "parquet"))
