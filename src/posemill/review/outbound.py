"""Export of frames to annotate: JPEGs, and a file that an annotation tool reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sqlalchemy import RowMapping

from posemill.errors import InputError
from posemill.features.verdict import NONE_OF_THESE
from posemill.formats.frames import LabelledFrame, labelled_frames
from posemill.review.labelled import Labelled
from posemill.review.ranking import spread_frames, worst_frames

Format = Literal["label-studio", "cvat", "coco"]
FILES: Mapping[Format, str] = {"label-studio": "tasks.json", "cvat": "annotations.xml", "coco": "keypoints.json"}
IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Exported:
    """Written file, and the number of its items, frames and people."""

    file: Path
    items: int
    frames: int
    people: int


def export(
    labelled: Labelled,
    items: Sequence[RowMapping],
    form: Format,
    folder: Path,
    *,
    frames_each: int = 8,
    image_root: str | None = None,
) -> Exported:
    """Write the frames of review items with everybody in them.

    items        rows of reviews.review_items; ones whose medium or person is gone are left out. Where some ask for an
                 activity, its people are said to do what the model predicts, but in COCO, which has no place for it.
    frames_each  at most so many frames an item, the worst first.
    image_root   where Label Studio finds the JPEGs; default: its local files, below the folder's name.
    Errors: InputError when nothing is left to export.
    """
    wanted, used = _frames(labelled, items, frames_each)
    shown: list[LabelledFrame] = []
    for medium in sorted(wanted):
        tracks = labelled.tracks(medium)
        frames = labelled_frames(tracks, wanted[medium], origin=tracks.labeller)
        shown += [_with_activities(frame, items) for frame in frames]
        _write_images(labelled.path(medium), [p for p in shown if p.medium == medium], folder / IMAGES)
    if not shown:
        what = "is there any more: `posemill review queue` finds new ones"
        if not any(item["medium"] in labelled.rows for item in items):
            what = "is in a video that is labelled with the parameters of params.yaml: `posemill label`"
        raise InputError(f"none of {len(items)} review items {what}")
    file, points, activities = folder / FILES[form], shown[0].skeleton, _activities(items)
    if form == "coco":
        from posemill.formats.coco import write_frames

        write_frames(file, shown, f"{IMAGES}/")
    elif form == "cvat":
        from posemill.formats.cvat import write_cvat

        write_cvat(file, shown, points, f"review {folder.name}", activities=activities)
    else:
        from posemill.formats.label_studio import write_tasks

        root = image_root or f"/data/local-files/?d={folder.name}/{IMAGES}/"
        write_tasks(file, shown, points, labelled.labeller.fingerprint[:12], root, activities)
    return Exported(file, used, len(shown), sum(len(picture.people) for picture in shown))


def _frames(labelled: Labelled, items: Iterable[RowMapping], frames_each: int) -> tuple[dict[str, set[int]], int]:
    """Medium to frame numbers, and the number of items that they show."""
    wanted: dict[str, set[int]] = {}
    used = 0
    for item in items:
        if item["medium"] in labelled.rows:
            track = next((t for t in labelled.tracks(item["medium"]).tracks if t.person == item["person"]), None)
            chosen = worst_frames if item["predicted"] is None else spread_frames
            frames = chosen(track, item["start_s"], item["end_s"], frames_each) if track else []
            used += bool(frames)
            wanted.setdefault(item["medium"], set()).update(frames)
    return {medium: frames for medium, frames in wanted.items() if frames}, used


def _activities(items: Iterable[RowMapping]) -> list[str]:
    """Choices of an annotator: the classes of the models that ask, and none of them; [] where nothing is asked."""
    asking = [item["predicted"] for item in items if item["predicted"] is not None]
    return [NONE_OF_THESE, *sorted({name for each in asking for name in each["classes"]})] if asking else []


def _with_activities(frame: LabelledFrame, items: Iterable[RowMapping]) -> LabelledFrame:
    """The frame, its people saying what the model takes them to do where their activity is asked."""
    asked = {
        item["person"]: str(item["predicted"]["activity"])
        for item in items
        if item["predicted"] is not None and item["medium"] == frame.medium
        if item["start_s"] - 1e-3 <= frame.time_s <= item["end_s"] + 1e-3
    }
    people = tuple(replace(person, activity=asked.get(person.person, "")) for person in frame.people)
    return replace(frame, people=people) if asked else frame


def _write_images(path: Path, shown: Sequence[LabelledFrame], folder: Path) -> None:
    from posemill.video.draw import write_jpeg
    from posemill.video.sandboxed import read_frames_sandboxed

    names = {picture.frame: picture.file_name for picture in shown}
    for frame in read_frames_sandboxed(path, start=min(names), end=max(names) + 1):
        if frame.index in names:
            write_jpeg(folder / names[frame.index], frame.image, quality=92)
