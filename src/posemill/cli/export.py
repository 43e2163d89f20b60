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
    from posemill.formats.pyskl import Cut
    from posemill.pose.track import MediumTracks

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

    Where digits could be both, write clip:123456 or medium:123456.
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
def _chosen(which: Sequence[str], datasets: Sequence[str]) -> Iterator[tuple[list[MediumTracks], list[list[Cut]]]]:
    """Tracks of what is named, and for each the clips in it."""
    from posemill.review.labelled import open_labelled
    from posemill.settings import Settings
    from posemill.store.catalog import clips
    from posemill.store.postgres import open_engine
    from posemill.store.references import resolve

    settings = Settings.from_env()
    engine = open_engine(settings)
    try:
        with engine.connect() as connection:
            labelled, known = open_labelled(settings, connection), clips(connection)
            by_medium: dict[str, list[Any]] = {}
            for row in known:
                by_medium.setdefault(row["medium"], []).append(row)
            media: list[MediumTracks] = []
            cuts: list[list[Cut]] = []
            for name in which:
                if name == "tracks":
                    rows = labelled.rows.items()
                    for digest in [d for d, row in rows if not datasets or row["dataset"] in datasets]:
                        media.append(labelled.tracks(digest))
                        cuts.append([_cut(row) for row in by_medium.get(digest, [])])
                    continue
                reference = resolve(connection, name)
                whole = labelled.tracks(reference.medium["digest"])
                if reference.clip is not None:
                    media.append(_within(whole, cut := _cut(reference.clip)))
                    cuts.append([cut])
                else:
                    media.append(whole)
                    cuts.append([_cut(row) for row in by_medium.get(whole.medium, [])])
    finally:
        engine.dispose()
    if len({m.medium for m in media}) != len(media):
        raise InputError(f"{' '.join(which)} names a medium twice: name it, or one of its clips")
    if not media:
        raise InputError("nothing of this is labelled with the parameters of params.yaml: `posemill label`")
    yield media, cuts


def _cut(row: Any) -> Cut:
    from posemill.formats.pyskl import Cut

    end_s = float("inf") if row["end_s"] is None else row["end_s"]
    return Cut(f"{row['medium'][:16]}-{row['clip']}", row["start_s"], end_s, row["activity"], row["split"])


def _within(tracks: MediumTracks, cut: Cut) -> MediumTracks:
    parts = (track.between(cut.start_s, cut.end_s) for track in tracks.tracks)
    return replace(tracks, tracks=tuple(part for part in parts if len(part)))


def _write(form: str, out: Path, media: Sequence[MediumTracks], cuts: Sequence[list[Cut]], visible_from: float) -> int:
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
