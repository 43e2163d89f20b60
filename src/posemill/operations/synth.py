"""Synthetic corpus into the database, or into a folder. Outside the graph: it is a source like any other."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from posemill.atomic import write_text
from posemill.store.track_file import write_medium
from posemill.synth.corpus import Plan
from posemill.synth.pool import Rendered, render_all

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from posemill.store.media import MediaStore

DATASET = "synthetic"
ANNOTATED_BY = "posemill synth"
RENDERING = 4  # counts changes to what a seed looks like, so that an older corpus is not taken for this one


def source(plan: Plan) -> str:
    """Return the source name of a rendered clip in the database."""
    return f"synth/{RENDERING}/{plan.name}"


def missing(plans: Sequence[Plan], engine: Engine) -> list[Plan]:
    """The clips that the database does not have yet."""
    from posemill.store import catalog

    with engine.connect() as connection:
        known = {row["source"] for row in catalog.media(connection, [DATASET])}
    return [plan for plan in plans if source(plan) not in known]


def register(
    plans: Sequence[Plan],
    engine: Engine,
    store: MediaStore,
    on_result: Callable[[Rendered], None] = lambda _: None,
    labels: Mapping[str, str] = MappingProxyType({}),
    split: str | None = None,
    processes: int | None = None,
) -> None:
    """Render clips and register each with its truth, one transaction a clip: stopped early, what is there is whole.

    labels  what some activities are called in the database, by their name here.
    split   `train` or `test` where the subjects must be on one side; None = the prepare stage decides.
    processes  that render at once, which decides the order of the rows and nothing else; None = one a core.
    """
    from posemill.ingest.register import register_video

    with tempfile.TemporaryDirectory(prefix="posemill-synth-") as folder:
        for clip in render_all(plans, Path(folder), processes):
            with engine.begin() as connection:
                register_video(
                    connection,
                    store,
                    clip.path,
                    dataset=DATASET,
                    source=source(clip.plan),
                    activity=labels.get(clip.plan.activity, clip.plan.activity),
                    subject=clip.plan.subject_name,
                    camera=clip.camera,
                    split=split,
                    annotated_by=ANNOTATED_BY,
                    ground_truth=clip.truth,
                )
            clip.path.unlink()
            on_result(clip)


def write_files(
    plans: Sequence[Plan],
    folder: Path,
    on_result: Callable[[Rendered], None] = lambda _: None,
    labels: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Render clips into a folder: NAME.mp4, its truth as NAME.truth.parquet, and manifest.csv for `posemill add`."""
    from dataclasses import replace

    from posemill.store.media import digest_of

    rows = []
    for clip in render_all(plans, folder):
        truth = replace(clip.truth, medium=digest_of(clip.path))
        write_medium(clip.path.with_suffix(".truth.parquet"), truth)
        activity = labels.get(clip.plan.activity, clip.plan.activity)
        rows.append(f"{clip.path.name},{activity},{clip.plan.subject_name},{clip.camera}")
        on_result(clip)
    manifest = folder / "manifest.csv"
    write_text(manifest, "\n".join(["path,activity,subject,camera", *sorted(rows)]) + "\n")
    return manifest
