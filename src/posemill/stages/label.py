"""label: pose estimation and tracking of all videos. What the pose store has is not computed again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.stages.label_table import LabelledMedium, read_ingested, write_labelled
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.estimation.accuracy import PoseAccuracy
    from posemill.labelling.session import LabellingSession
    from posemill.pose.track import MediumTracks
    from posemill.store.corrections import CorrectionIndex
    from posemill.store.media import MediaStore
    from posemill.store.tracks import ImportedTracks, KeptShards

STAGE, NOISE = "label", "noise.json"


class LabelResult(StageResult):
    """Counts of media, frames and poses; accuracy figures only where media have ground truth."""

    stage: str = STAGE
    media: int
    labelled: int
    imported: int
    quarantined: int
    without_people: int
    frames: int
    propagated_frames: int = 0  # of these only the surroundings of people were looked at, see label.roi_propagation
    persons: int
    poses: int
    true_poses: int = 0
    mean_oks: float | None = None
    recall_at_oks_50: float | None = None
    median_error_torso: float | None = None
    corrected_keypoints: int = 0
    corrections_passed_over: int = 0  # said of people or keypoints that this labeller has not found


def run(params: LabelParams, inputs: Workspace, outputs: Path, settings: Settings | None = None) -> LabelResult:
    """Label every medium of ingest's media.parquet; write media.parquet, track shards and labeller.json.

    A medium that cannot be decoded goes to quarantine, with a reason, and the others go on; it is looked at again when
    somebody takes it out of there. Keypoints that came with the data pass through unchanged. Killed and run again, it
    goes on with the first chunk that is not finished, beside whoever else labels.
    """
    from posemill.estimation.fingerprint import labeller as described
    from posemill.labelling.privacy import discard_posed
    from posemill.store.corrections import CorrectionIndex
    from posemill.store.media import MediaStore
    from posemill.store.shards import write_shards
    from posemill.store.tracks import TrackStore

    settings, media = settings or Settings.from_env(), read_ingested(inputs.output("ingest") / "media.parquet")
    said = CorrectionIndex.read(inputs.output("ingest") / "corrections.parquet", TrackStore(settings.store_url))
    with ExitStack() as opened:
        session = _labelled(params, settings, media, opened)
        store = session.labeller.media if session else MediaStore(settings.store_url)
        kept = _kept_shards(inputs)
        written = write_shards(outputs, _tracks(media, store, session, said), kept=kept)
        kept.prune()
        entries = {entry.medium: entry for entry in written}
        for medium in media:
            medium.entry = entries.get(medium.medium)
        write_labelled(outputs / "media.parquet", media)
        about = described(session.labeller.estimator.backend if session else None, params)
        (outputs / "labeller.json").write_text(json.dumps(about, indent=2) + "\n")
        (outputs / NOISE).write_text("null\n")  # train depends on it; there are errors only where keypoints are known
        propagated = session.labeller.propagated(m.medium for m in media if m.status == "labelled") if session else 0
        accuracy = _accuracy(session, media, outputs) if session else None
        if session:
            discard_posed(session.labeller, session.ledger.engine)
        return _result(media, said, accuracy, propagated)


def _labelled(
    params: LabelParams, settings: Settings, media: Sequence[LabelledMedium], opened: ExitStack
) -> LabellingSession | None:
    """Label the videos among these media, and mark those that are in quarantine; None when there is no video."""
    from posemill.labelling.progress import progress
    from posemill.labelling.session import open_session
    from posemill.labelling.worker import label_backlog

    videos = {m.medium: m for m in media if m.status == "labelled"}
    if not videos:
        return None
    session = opened.enter_context(open_session(params, settings, [STAGE]))
    with progress() as report:
        label_backlog(session.labeller, session.ledger, session.select(set(videos)), report)
    for medium, reason in session.quarantined_now([STAGE]).items():
        if medium in videos:
            videos[medium].status, videos[medium].reason = "quarantined", reason
    return session


def _kept_shards(inputs: Workspace) -> KeptShards:
    """Shards of the run before; what decides their bytes is the code that reads and writes them."""
    import pyarrow as pa

    from posemill.code_digest import code_digest, import_closure
    from posemill.store.tracks import KeptShards

    modules = import_closure("posemill.store.shards", around=False) | {"posemill.labelling.labeller"}
    version = f"{code_digest(modules)} pyarrow {pa.__version__}"
    return KeptShards(inputs.cache(STAGE), version)


def _tracks(
    media: Sequence[LabelledMedium], store: MediaStore, session: LabellingSession | None, said: CorrectionIndex
) -> Iterator[MediumTracks | ImportedTracks]:
    """Corrected tracks; imported ones of which nobody said anything are read only where they are to be written."""
    from functools import partial

    from posemill.labelling.labeller import imported
    from posemill.store.tracks import ImportedTracks

    for medium in media:
        if medium.status == "imported" and medium.medium not in said.rows:
            yield ImportedTracks(medium.medium, partial(imported, store, medium.medium))
        elif medium.status == "imported":
            yield said.apply(imported(store, medium.medium))
        elif medium.status == "labelled" and session:
            yield said.apply(session.labeller.labelled(medium.medium))


def _accuracy(session: LabellingSession, media: Sequence[LabelledMedium], outputs: Path) -> PoseAccuracy | None:
    """Accuracy against ground truth, for the media that have it; noise.json has the distribution of the errors."""
    from posemill.estimation.accuracy import compare
    from posemill.features.labeller_noise import fit_noise
    from posemill.labelling.labeller import with_ground_truth
    from posemill.store.catalog import ground_truths

    done = {m.medium for m in media if m.status == "labelled"}
    with session.ledger.engine.connect() as connection:
        rows = [row for row in ground_truths(connection) if row["medium"] in done]
    rows.sort(key=lambda row: (row["medium"], row["origin"], row["track_digest"]))
    known = {row["medium"]: row["track_digest"] for row in rows}
    if noise := fit_noise(with_ground_truth(session.labeller.media, known, session.labeller.labelled)):
        noise.save(outputs / NOISE)
    return compare(with_ground_truth(session.labeller.media, known, session.labeller.labelled))


def _result(
    media: Sequence[LabelledMedium], said: CorrectionIndex, accuracy: PoseAccuracy | None, propagated: int
) -> LabelResult:
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
        propagated_frames=propagated,
        persons=sum(row["persons"] for row in rows),
        poses=sum(row["poses"] for row in rows),
        corrected_keypoints=said.applied,
        corrections_passed_over=said.skipped,
        **figures,
    )
