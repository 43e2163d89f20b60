"""label: videos become tracks of people. What the label store has is not computed again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from posemill.labelling.accuracy import PoseAccuracy
    from posemill.labelling.backlog import Labeller, Work
    from posemill.pose.track import MediumTracks
    from posemill.store.media import MediaStore
    from posemill.store.tracks import ShardEntry

STAGE = "label"


class LabelResult(StageResult):
    """What was found; the last figures only where media have true keypoints."""

    stage: str = STAGE
    media: int
    labelled: int
    imported: int
    quarantined: int
    without_people: int
    frames: int
    persons: int
    poses: int
    true_poses: int = 0
    mean_oks: float | None = None
    recall_at_oks_50: float | None = None
    median_error_torso: float | None = None


@dataclass(slots=True)
class _Medium:
    """One row of media.parquet in the making."""

    medium: str
    status: str
    frames: int = 0
    reason: str | None = None
    entry: ShardEntry | None = None

    def row(self) -> dict[str, Any]:
        entry = self.entry
        return {
            "medium": self.medium,
            "status": self.status,
            "reason": self.reason,
            "frames": entry.frames if entry else 0,
            "persons": entry.persons if entry else 0,
            "poses": entry.poses if entry else 0,
            "shard": entry.shard if entry else None,
        }


@dataclass(slots=True)
class _Places:
    """Stores and database of the settings; the database is opened when it is first asked something."""

    settings: Settings
    engines: list[Engine] = field(default_factory=list)

    def media(self) -> MediaStore:
        from posemill.store.media import MediaStore

        return MediaStore(self.settings.store_url)

    def engine(self) -> Engine:
        from posemill.store.postgres import open_engine

        if not self.engines:
            self.engines.append(open_engine(self.settings))
        return self.engines[0]


def run(params: LabelParams, inputs: Workspace, outputs: Path, settings: Settings | None = None) -> LabelResult:
    """Label every medium of ingest's media.parquet; write media.parquet, track shards and labeller.json.

    A medium that cannot be decoded goes to quarantine, with a reason, and the others go on. Keypoints that came with
    the data pass through unchanged. Killed and run again, it goes on with the first medium that is not finished.
    """
    from posemill.labelling.backlog import imported
    from posemill.labelling.fingerprint import labeller as described
    from posemill.store.tracks import write_shards

    places = _Places(settings or Settings.from_env())
    store, media = places.media(), _read_media(inputs.output("ingest") / "media.parquet")
    videos = [m.medium for m in media if m.status == "labelled"]
    labeller = _load(params, places) if videos else None
    if labeller:
        _quarantine(places, media, _label(labeller, videos, media))

    def tracks() -> Iterator[MediumTracks]:
        for medium in media:
            if medium.status == "imported":
                yield imported(store, medium.medium)
            elif medium.status == "labelled" and labeller:
                yield labeller.labelled(medium.medium)

    entries = {entry.medium: entry for entry in write_shards(outputs, tracks())}
    for medium in media:
        medium.entry = entries.get(medium.medium)
    _write_media(outputs / "media.parquet", media)
    about = described(labeller.backend if labeller else None, params)
    (outputs / "labeller.json").write_text(json.dumps(about, indent=2) + "\n")
    return _result(media, _accuracy(places, media, labeller) if labeller else None)


def _read_media(path: Path) -> list[_Medium]:
    import pyarrow.parquet as pq

    rows = pq.read_table(path, columns=["medium", "kind", "frames"]).to_pylist()
    return [
        _Medium(r["medium"], "imported" if r["kind"] == "keypoints" else "labelled", r["frames"] or 0) for r in rows
    ]


def _load(params: LabelParams, places: _Places) -> Labeller:
    from posemill.labelling.backlog import Labeller
    from posemill.labelling.base import load_backend
    from posemill.store.tracks import TrackStore

    return Labeller(load_backend(params.backend, params), params, places.media(), TrackStore(places.settings.store_url))


def _label(labeller: Labeller, videos: Sequence[str], media: Sequence[_Medium]) -> dict[str, str]:
    """Label what is missing, under a progress bar; medium to reason for what cannot be decoded."""
    missing = set(labeller.missing(videos))
    total = sum(m.frames for m in media if m.medium in missing)
    with progress_bar(len(missing), total // labeller.params.frame_stride) as report:
        return labeller.label([medium for medium in videos if medium in missing], report)


@contextmanager
def progress_bar(media: int, frames: int) -> Iterator[Callable[[Work], None]]:
    """Frames done, rate and time left, on the terminal (nothing where there is none)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("labelling"), BarColumn(), MofNCompleteColumn(), TextColumn("frames, {task.speed:.0f} a second"),
        TimeRemainingColumn(), TextColumn("left, medium {task.fields[medium]} of {task.fields[media]}"),
    )  # fmt: skip
    seen: set[str] = set()
    with Progress(*columns, console=console, disable=not (media and console.is_terminal)) as bar:
        task = bar.add_task("labelling", total=frames or None, medium=0, media=media)

        def report(work: Work) -> None:
            seen.add(work.medium)
            bar.update(task, advance=work.frames, medium=len(seen))

        yield report


def _quarantine(places: _Places, media: Sequence[_Medium], reasons: dict[str, str]) -> None:
    """Set undecodable media aside, in the table and in the database."""
    from posemill.store.catalog import quarantine_medium

    for medium in media:
        if medium.medium in reasons:
            medium.status, medium.reason = "quarantined", reasons[medium.medium]
    if reasons:
        with places.engine().begin() as connection:
            for digest, reason in reasons.items():
                quarantine_medium(connection, digest, stage=STAGE, reason=reason, added_by="posemill")


def _write_media(path: Path, media: Sequence[_Medium]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("medium", pa.string()), ("status", pa.string()), ("reason", pa.string()), ("frames", pa.int64()),
            ("persons", pa.int64()), ("poses", pa.int64()), ("shard", pa.string()),
        ]
    )  # fmt: skip
    pq.write_table(pa.Table.from_pylist([medium.row() for medium in media], schema=schema), path)


def _accuracy(places: _Places, media: Sequence[_Medium], labeller: Labeller) -> PoseAccuracy | None:
    """Agreement with the true keypoints of those media that have some."""
    from posemill.labelling.accuracy import compare
    from posemill.labelling.backlog import with_truth
    from posemill.store.catalog import truths

    done = {m.medium for m in media if m.status == "labelled"}
    with places.engine().connect() as connection:
        known = {row["medium"]: row["track_digest"] for row in truths(connection) if row["medium"] in done}
    return compare(with_truth(places.media(), known, labeller.labelled))


def _result(media: Sequence[_Medium], accuracy: PoseAccuracy | None) -> LabelResult:
    rows = [medium.row() for medium in media]
    count = {status: sum(m.status == status for m in media) for status in ("labelled", "imported", "quarantined")}
    figures: dict[str, Any] = {}
    if accuracy:
        figures = {
            "true_poses": accuracy.poses,
            "mean_oks": round(accuracy.mean_oks, 4),
            "recall_at_oks_50": round(accuracy.recall, 4),
            "median_error_torso": round(accuracy.median_error_torso, 4),
        }
    return LabelResult(
        media=len(media),
        labelled=count["labelled"],
        imported=count["imported"],
        quarantined=count["quarantined"],
        without_people=sum(row["persons"] == 0 for row in rows if row["status"] != "quarantined"),
        frames=sum(row["frames"] for row in rows),
        persons=sum(row["persons"] for row in rows),
        poses=sum(row["poses"] for row in rows),
        **figures,
    )
