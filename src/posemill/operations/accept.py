"""Smoke test of a packaged bento: it is served and answers held-out clips, as a client would send them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import GateError, InputError, PosemillError
from posemill.params.package import AcceptanceParams, PackageParams
from posemill.stages.gate import refusal
from posemill.stages.held_out_clips import HeldOutClip, answer_between, choose, held_out_clips
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.serving.client import Client
    from posemill.settings import Settings

CLIENT = "acceptance"


class AcceptResult(StageResult):
    """Outcome of an acceptance test. `rows` has one row per clip: activity, answer, probability, seconds."""

    stage: str = "accept"
    bento: str
    passed: bool
    clips: int
    right: int
    share_right: float
    needed: float
    ready_s: float
    says: str
    rows: list[dict[str, Any]]


def run(params: PackageParams, inputs: Workspace, outputs: Path) -> AcceptResult:
    """Serve the packaged bento, send held-out clips, and record the outcome.

    params  the `package` section, with `acceptance`.
    Writes result.json. A failed test is a result, not an error: see `passed`.
    Errors: InputError without a package or test clips; Unavailable if the service does not start.
    """
    from posemill.packaging import bento
    from posemill.serving.server import serving
    from posemill.serving.startup_policy import private_environment
    from posemill.settings import Settings

    settings = Settings.from_env()
    clips = choose(held_out_clips(inputs), params.acceptance.clips)
    tags = package_tags(inputs, settings)
    served = tags["analysis" if any(c.kind == "video" for c in clips) else "activity"]
    started = time.monotonic()
    with serving(served, private_environment(bento.environment(settings.home)), params.acceptance.start_s) as client:
        ready_s = time.monotonic() - started
        rows = list(_answer_rows(client, clips, inputs, settings))
    result = summarise(params.acceptance, served, rows, ready_s)
    outputs.mkdir(parents=True, exist_ok=True)
    result.write(outputs)
    _record(inputs, settings, tags["activity"], result)
    return result


def package_tags(inputs: Workspace, settings: Settings) -> dict[str, str]:
    """Read the tags of build/package/bento.json; bentos that the store lacks (a fresh clone) are rebuilt."""
    from posemill.packaging import bento

    folder = inputs.output("package")
    if (folder / "result.json").is_file() and (refused := refusal(inputs)):
        raise GateError(refused)
    if not (folder / "bento.json").is_file():
        raise InputError(f"no package in {folder}: run `dvc repro` (or `make demo`) first")
    tags: dict[str, str] = json.loads((folder / "bento.json").read_text())
    return tags if bento.stored(tags, settings.home) else bento.build(folder, inputs.root, settings.home)


def _answer_rows(
    client: Client, clips: list[HeldOutClip], inputs: Workspace, settings: Settings
) -> Iterator[dict[str, Any]]:
    """One row per clip. A refused clip counts as a wrong answer, with its reason."""
    for clip in clips:
        started = time.monotonic()
        try:
            answer, probability = _ask(client, clip, inputs, settings)
            reason = None
        except PosemillError as exc:
            if exc.retryable:
                raise
            answer, probability, reason = None, 0.0, str(exc)
        yield {
            "clip": clip.clip,
            "activity": clip.activity,
            "answer": answer,
            "probability": round(probability, 4),
            "right": answer == clip.activity,
            "seconds": round(time.monotonic() - started, 3),
            "reason": reason,
        }


def _ask(client: Client, clip: HeldOutClip, inputs: Workspace, settings: Settings) -> tuple[str | None, float]:
    from posemill.features.main_subject import main_subject
    from posemill.pose.pairs import with_partner
    from posemill.store.media import MediaStore
    from posemill.store.tracks import read_shard_medium

    store = MediaStore(settings.store_url)
    if clip.kind == "video" and store.has(clip.medium):  # of one that was not kept the keypoints are sent
        return answer_between(client.analyse_video(store.fetch(clip.medium)), clip)
    import pandas as pd

    label = inputs.output("label")
    shards = pd.read_parquet(label / "media.parquet").set_index("medium")["shard"]
    tracks = read_shard_medium(label / str(shards[clip.medium]), clip.medium)
    track = main_subject(tracks, clip.start_s, clip.end_s)
    verdict = None if track is None else client.predict_track(with_partner(track, tracks.others(track))).verdict
    return (verdict.activity, verdict.probability) if verdict else (None, 0.0)


def summarise(acceptance: AcceptanceParams, served: str, rows: list[dict[str, Any]], ready_s: float) -> AcceptResult:
    """Compare the share of right answers with the required one."""
    right, needed = sum(row["right"] for row in rows), acceptance.min_right
    share = right / len(rows)
    passed = share >= needed
    verb = "accepted" if passed else "rejected"
    says = f"{served} is {verb}: {right} of {len(rows)} held-out clips right ({share:.0%}), {needed:.0%} required"
    return AcceptResult(
        bento=served,
        passed=passed,
        clips=len(rows),
        right=right,
        share_right=round(share, 4),
        needed=needed,
        ready_s=round(ready_s, 2),
        says=says,
        rows=rows,
    )


def _record(inputs: Workspace, settings: Settings, tag: str, result: AcceptResult) -> None:
    """Record the outcome, and the model version if the database lacks it (a fresh clone)."""
    from posemill.stages.package import keep_lineage, record_version
    from posemill.store.catalog import record_acceptance
    from posemill.store.postgres import transaction

    keep_lineage(settings, inputs.output("package"))
    with transaction(settings) as connection:
        record_version(connection, inputs, inputs.output("package"), tag)
        record_acceptance(
            connection,
            bento_tag=tag,
            passed=result.passed,
            client=CLIENT,
            report=result.model_dump(mode="json"),
            added_by="stage accept",
            reason=None if result.passed else result.says,
        )
