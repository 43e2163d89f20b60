"""Catalogue of media, clips, quarantine and model versions: plain functions over a connection.

The caller opens and commits the transaction. Everything is idempotent: the same again changes nothing.
"""

from posemill.store.clips import ClipRow, Outcome, add_clip, add_clips, clips, correct_clip, remove_clip
from posemill.store.inventory import Inventory, inventory
from posemill.store.media_rows import (
    MediumRow,
    add_address,
    add_dataset,
    add_ground_truth,
    add_media,
    add_medium,
    dataset_names,
    fill_digest,
    find_medium,
    ground_truths,
    media,
    medium_id,
    record_probe,
    video_facts,
    videos,
)
from posemill.store.quarantine import (
    open_quarantine,
    quarantine,
    quarantine_medium,
    release_readable,
    released,
    resolve_quarantine,
)
from posemill.store.versions import (
    latest_acceptance,
    latest_model_version,
    log_prediction,
    model_versions,
    record_acceptance,
    record_model_version,
)

__all__ = [
    "ClipRow",
    "Inventory",
    "MediumRow",
    "Outcome",
    "add_address",
    "add_clip",
    "add_clips",
    "add_dataset",
    "add_ground_truth",
    "add_media",
    "add_medium",
    "clips",
    "correct_clip",
    "dataset_names",
    "fill_digest",
    "find_medium",
    "ground_truths",
    "inventory",
    "latest_acceptance",
    "latest_model_version",
    "log_prediction",
    "media",
    "medium_id",
    "model_versions",
    "open_quarantine",
    "quarantine",
    "quarantine_medium",
    "record_acceptance",
    "record_model_version",
    "record_probe",
    "release_readable",
    "released",
    "remove_clip",
    "resolve_quarantine",
    "video_facts",
    "videos",
]
