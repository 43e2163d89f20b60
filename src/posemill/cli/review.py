"""`posemill review`: the worst intervals of tracks and the clips that teach most, to an annotation tool and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from posemill.cli.connection import transaction
from posemill.cli.output import modes, say, table
from posemill.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from posemill.review.labelled import Labelled

BY = click.option("--by", help="Annotator; default: user@host.")
COLUMNS = ("item", "priority", "medium", "person", "start_s", "end_s", "reason", "state")
KIND = click.option(
    "--kind",
    type=click.Choice(["pose", "activity"]),
    help="Only intervals of tracks, or only clips whose activity is asked; default: both.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.group()
def review() -> None:
    """Review and correct the worst poses, and label the clips that teach a model most.

    Corrections take precedence over the labeller's keypoints.

    \b
      posemill review queue --limit 50
      posemill review propose --take 50
      posemill review show 1
      posemill review export --format cvat review/
      posemill review import review/annotations.xml --by anna
    """


@review.command("queue")
@click.option("--limit", default=100, show_default=True, help="How many of the worst intervals are queued.")
@AS_JSON
def queue_(limit: int, as_json: bool) -> None:
    """Rank all labelled videos, queue the worst intervals and list what is open.

    \b
    Doing it again changes nothing; what was answered stays answered:
      posemill review queue --limit 50
    """
    from posemill.review.ranking import rank
    from posemill.store.current_user import current_user
    from posemill.store.reviews import queue, review_items

    with _labelled() as (connection, labelled):
        if not labelled.videos:
            raise InputError("no video is labelled with the parameters of params.yaml: `posemill label`")
        candidates = rank(labelled)
        done = queue(
            connection, candidates[:limit], added_by=current_user(), candidates=candidates, media=labelled.videos
        )
        rows = review_items(connection, limit=limit, kind="pose")
    table(rows, COLUMNS, as_json, "nothing looks wrong in what is labelled")
    if not as_json:
        figures = f"{done.added} new, {done.known} known, {done.answered} answered before, {done.gone} gone"
        missing = f"; {labelled.missing} videos are not labelled" if labelled.missing else ""
        click.echo(f"{len(labelled.videos)} videos: {figures}{missing}", err=True)


@review.command("propose")
@click.option("--take", default=50, show_default=True, help="How many clips shall be open; open ones count.")
@click.option(
    "--strategy",
    type=click.Choice(["uncertain-core-set", "core-set", "badge", "margin", "entropy", "typiclust", "random"]),
    default="uncertain-core-set",
    show_default=True,
    help="How clips are chosen, see docs/howto/review.md.",
)
@click.option("--dataset", "datasets", multiple=True, help="Only unlabelled clips of this dataset; repeat for more.")
@click.option("--model", default="workspace", show_default=True, help="`workspace`, `packaged` or a folder.")
@click.option("--other", help="A second model (as --model): clips on which they disagree are wanted more.")
@click.option("--other-labeller", help="Fingerprint of a second labeller: as --other, with its poses.")
@click.option("--renew", is_flag=True, help="Withdraw what is open and choose anew, as after training.")
@click.option("--seed", default=0, show_default=True, help="Of random choices.")
@BY
@modes
def propose_(by: str | None, quiet: bool, as_json: bool, datasets: tuple[str, ...], **given: Any) -> None:
    """Active learning: queue the unlabelled clips whose labels teach the model most.

    Clips of which the model is unsure, on which models disagree or that are unlike the training data, and that are
    unlike each other. They are answered in an annotation tool (`review export`), or by `review label`.

    \b
      posemill review propose --take 50
      posemill review propose --take 100 --other packaged --renew
      posemill review export --kind activity --format label-studio review/
    """
    from posemill.operations.propose import Question, propose_clips
    from posemill.settings import Settings
    from posemill.stages.workspace import Workspace
    from posemill.store.current_user import current_user

    question = Question(datasets=datasets, **given)
    with _labelled() as (connection, labelled):
        inputs = Workspace(Settings.from_env().workspace)
        done = propose_clips(connection, labelled, inputs, question, by or current_user())
    say(asdict(done), quiet, as_json)


@review.command("label")
@click.argument("item", type=int)
@click.argument("activity", required=False)
@click.option("--none", "none", is_flag=True, help="It shows no activity that is asked for; it is not proposed again.")
@BY
def label(item: int, activity: str | None, none: bool, by: str | None) -> None:
    """Label a proposed clip (ITEM: its number in `posemill review list`); without ACTIVITY as the model predicts.

    \b
      posemill review label 12
      posemill review label 13 squat --by anna
      posemill review label 14 --none
    """
    from posemill.store.current_user import current_user
    from posemill.store.proposals import label_item
    from posemill.store.reviews import review_item

    if none and activity:
        raise InputError("give an ACTIVITY or --none, not both")
    with transaction() as connection:
        row = review_item(connection, item)
        named = None if none else activity or (row["predicted"] or {}).get("activity")
        label_item(connection, row, named, by or current_user(), {})
    click.echo(f"clip {row['clip']} is {named or 'none of these'}")


@review.command("list")
@KIND
@click.option("--state", type=click.Choice(["open", "done", "dismissed", "all"]), default="open", show_default=True)
@click.option("--limit", type=int, help="Only the worst.")
@AS_JSON
def list_(state: str, limit: int | None, kind: Any, as_json: bool) -> None:
    """List what is queued, the worst first.

    \b
      posemill review list --state all
    """
    from posemill.store.reviews import review_items

    with transaction() as connection:
        rows = review_items(connection, state=None if state == "all" else state, limit=limit, kind=kind)
    columns = (*COLUMNS, "answered_by", "answered_at", *(("clip", "predicted") if as_json else ()))
    table(rows, columns, as_json, "nothing is queued: `posemill review queue`")


@review.command("show")
@click.argument("item", type=int)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Default: review-ITEM.png.")
def show(item: int, out: Path | None) -> None:
    """Write a contact sheet of an item: the person's worst frames, each with the one before it.

    \b
      posemill review show 3
    """
    from posemill.review.picture import draw_item
    from posemill.store.reviews import review_item
    from posemill.video.draw import write_png

    out = out or Path(f"review-{item}.png")
    with _labelled() as (connection, labelled):
        row = review_item(connection, item)
        write_png(out, draw_item(labelled, row))
    click.echo(f"{out}: person {row['person']}, {row['start_s']:.2f} to {row['end_s']:.2f} s: {row['reason']}")


@review.command("dismiss")
@click.argument("items", type=int, nargs=-1, required=True)
@BY
def dismiss(items: tuple[int, ...], by: str | None) -> None:
    """Dismiss items that are right as they are.

    \b
      posemill review dismiss 3 4 --by anna
    """
    from posemill.store.current_user import current_user
    from posemill.store.reviews import answer, review_item

    with transaction() as connection:
        for item in items:
            review_item(connection, item)  # an unknown one stops it
        closed = answer(connection, items, "dismissed", annotated_by=by or current_user())
    click.echo(f"{closed} dismissed")


@review.command("export")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "form", type=click.Choice(["label-studio", "cvat", "coco"]), required=True)
@click.option("--limit", default=100, show_default=True, help="Only so many open items, the worst.")
@click.option("--frames", default=8, show_default=True, help="At most so many frames an item, the worst.")
@KIND
@click.option("--image-root", help="Label Studio: URL of the folder of the JPEGs, with its last slash.")
@modes
def export(
    out: Path, form: Any, limit: int, frames: int, kind: Any, image_root: str | None, quiet: bool, as_json: bool
) -> None:
    """Write the frames of open items to OUT: JPEGs and a file for an annotation tool, keypoints placed.

    Of clips whose activity is asked, the person has the predicted one, to be confirmed or changed.

    \b
      posemill review export --format label-studio review/
      posemill review export --format cvat --limit 20 review/
      posemill review export --format cvat --kind activity review/
    """
    from posemill.review.outbound import export as write
    from posemill.store.reviews import review_items

    with _labelled() as (connection, labelled):
        items = review_items(connection, limit=limit, kind=kind)
        if not items:
            raise InputError(
                "nothing is open: `posemill review queue` finds what looks wrong, `posemill review propose` clips to "
                "label"
            )
        done = write(labelled, items, form, out, frames_each=frames, image_root=image_root)
    say(asdict(done), quiet, as_json)


@review.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@BY
@click.option("--annotator", help="Label Studio: name, e-mail or number of the annotator who counts.")
@click.option("--allow-empty", is_flag=True, help="Label Studio: an empty annotation hides everybody in its frame.")
@modes
def import_(file: Path, by: str | None, annotator: str | None, allow_empty: bool, quiet: bool, as_json: bool) -> None:
    """Import what annotators corrected (FILE: as exported, changed; or CVAT's or Label Studio's own export).

    \b
    All of a file or nothing of it; earlier corrections are kept, with annotator and time:
      posemill review import review/annotations.xml --by anna
      posemill review import project.json --annotator anna@example.org
    """
    from posemill.formats.label_studio_annotators import AnnotationChoice
    from posemill.review.inbound import import_answers
    from posemill.store.current_user import current_user

    choice = AnnotationChoice(annotator, allow_empty)
    with _labelled() as (connection, labelled):
        done = import_answers(connection, labelled, file, by or current_user(), choice)
    figures = asdict(done)
    notes = figures.pop("notes")
    say({**figures, **({"notes": list(notes)} if as_json and notes else {})}, quiet, as_json)
    if not as_json:
        for note in notes:
            click.echo(note, err=True)


@review.command("corrections")
@click.option("--medium", help="Only this medium: the beginning of its digest.")
@click.option("--history", is_flag=True, help="Also closed corrections.")
@AS_JSON
def corrections_(medium: str | None, history: bool, as_json: bool) -> None:
    """List corrected keypoints, with annotator and time.

    \b
      posemill review corrections --history
    """
    from posemill.review.labelled import whole_digest
    from posemill.store.corrections import corrections

    names = ["correction", "medium", "person", "frame", "keypoint", "x_px", "y_px", "annotated_by", "annotated_at"]
    with transaction() as connection:
        media = [whole_digest(connection, medium)] if medium else None
        rows = corrections(connection, media=media, history=history)
    table(rows, [*names, *(["valid_to", "closed_by"] if history else [])], as_json, "nothing was corrected")


@review.command("undo")
@click.argument("numbers", type=int, nargs=-1, required=True)
@BY
def undo(numbers: tuple[int, ...], by: str | None) -> None:
    """Undo corrections: the labeller's keypoints count again. Their rows are kept.

    \b
      posemill review undo 12 13
    """
    from posemill.store.corrections import close_corrections
    from posemill.store.current_user import current_user

    with transaction() as connection:
        ended = close_corrections(connection, numbers, by or current_user())
    others = len(set(numbers)) - ended
    click.echo(f"{ended} ended" + (f", {others} did not hold: see `posemill review corrections`" if others else ""))


@contextmanager
def _labelled() -> Iterator[tuple[Connection, Labelled]]:
    from posemill.review.labelled import open_labelled
    from posemill.settings import Settings

    with transaction() as connection:
        yield connection, open_labelled(Settings.from_env(), connection)
