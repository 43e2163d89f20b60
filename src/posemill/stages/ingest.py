"""ingest: media, clips and corrections of the database as tables; media are fetched, verified and probed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import InputError, UnreadableMedia
from posemill.params.ingest import IngestParams
from posemill.redacted import redacted
from posemill.settings import Settings
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from sqlalchemy import Engine, RowMapping

    from posemill.store.media import MediaStore

STAGE = "ingest"
BATCH = 64  # media whose findings are committed together: a killed run loses at most these


class IngestResult(StageResult):
    """Counts of ingested and quarantined media, with the reasons."""

    stage: str = STAGE
    media: int
    clips: int
    labelled_clips: int
    fetched: int
    probed: int
    quarantined: int
    reasons: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Finding:
    """Probe result of one medium: its digest and figures, or the reason for its quarantine."""

    row: RowMapping
    digest: str | None = None
    figures: dict[str, Any] | None = None
    reason: str | None = None


def run(params: IngestParams, inputs: Workspace, outputs: Path, settings: Settings | None = None) -> IngestResult:
    """Write media, clips, corrections and released (each .parquet) for the datasets of the snapshot.

    Bytes behind a `uri` are fetched, digests checked, videos probed once. What cannot be used goes into quarantine
    with a reason, with its clips, and the run goes on. Errors: Unavailable for a database or store that is away or
    full; InputError when nothing is left.
    """
    from posemill.store.catalog import clips, media, open_quarantine, released
    from posemill.store.corrections import corrections, write_corrections
    from posemill.store.media import MediaStore
    from posemill.store.postgres import opened_engine

    settings = settings or Settings.from_env()
    datasets = _selected(inputs.output("snapshot") / "snapshot.json")
    store = MediaStore(settings.store_url)
    with opened_engine(settings) as engine:
        with engine.connect() as connection:
            rows = media(connection, datasets)
            aside = {row["medium_id"] for row in open_quarantine(connection, [STAGE]) if row["entity_type"] == "medium"}
        stored = [row for row in rows if not row["bytes_removed_at"]]
        todo = [row for row in stored if row["id"] not in aside and (params.verify == "all" or not row["probed_at"])]
        findings = _look_at(engine, store, todo, params.threads)
        with engine.connect() as connection:
            rows = media(connection, datasets)
            faults = {r["medium_id"]: r for r in open_quarantine(connection, [STAGE]) if r["entity_type"] == "medium"}
            stretches = clips(connection, datasets)
            corrected = corrections(connection, datasets)
            again = released(connection, "label", datasets)
    good = [row for row in rows if row["id"] not in faults and row["probed_at"]]
    kept = {row["id"] for row in good}
    stretches = [row for row in stretches if row["medium_id"] in kept]
    if not good:
        raise InputError(f"all {len(rows)} media are in quarantine: see `posemill quarantine list` for the reasons")
    _write_tables(outputs, good, stretches)
    write_corrections(outputs / "corrections.parquet", corrected)
    _write_released(outputs / "released.parquet", again)
    reasons = {_name(r): r["reason"] for r in faults.values() if r["medium_id"] in {row["id"] for row in rows}}
    return IngestResult(
        media=len(good),
        clips=len(stretches),
        labelled_clips=sum(r["activity"] is not None for r in stretches),
        fetched=sum(f.digest is not None and f.row["digest"] is None for f in findings),
        probed=sum(f.figures is not None for f in findings),
        quarantined=len(reasons),
        reasons=reasons,
    )


def _selected(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(f"no {path}: run `posemill stage snapshot` (or `dvc repro`)")
    return list(json.loads(path.read_text())["selected"])


def _look_at(engine: Engine, store: MediaStore, rows: Sequence[RowMapping], threads: int) -> list[_Finding]:
    findings: list[_Finding] = []
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(rows), BATCH):
            batch = list(pool.map(lambda row: _examine(row, store), rows[start : start + BATCH]))
            _record(engine, batch)
            findings += batch
    return findings


def _examine(row: RowMapping, store: MediaStore) -> _Finding:
    from posemill.ingest.fetch import checked, fetch_uri, figures

    digest = row["digest"]
    try:
        digest = digest or fetch_uri(row["uri"], store)
        if row["probed_at"]:
            checked(digest, store)
            return _Finding(row, digest)
        return _Finding(row, digest, figures(row["kind"], digest, store))
    except UnreadableMedia as exc:
        return _Finding(row, digest, reason=str(exc))


def _record(engine: Engine, batch: Sequence[_Finding]) -> None:
    from posemill.store.catalog import fill_digest, quarantine, record_probe

    with engine.begin() as connection:
        for finding in batch:
            number, fresh = finding.row["id"], finding.row["digest"] is None and finding.digest
            if fresh and fill_digest(connection, number, fresh) == "duplicate":
                continue
            if finding.figures:
                record_probe(connection, number, finding.figures)
            if finding.reason:
                quarantine(
                    connection, "medium", stage=STAGE, reason=finding.reason, added_by="stage ingest", medium_row=number
                )


def _name(row: RowMapping) -> str:
    return str(_source(row) or row["medium"])


def _source(row: RowMapping) -> str | None:
    """Return the origin of a medium as reports and bundles may say it: an address without its password."""
    return row["source"] or redacted(row["uri"] or "") or None


def _write_tables(outputs: Path, media: Sequence[RowMapping], clips: Sequence[RowMapping]) -> None:
    """Write media and clips in canonical order, so that equal contents are equal bytes but for the clips' numbers."""
    import polars as pl

    from posemill.stages.content_order import CLIP_ORDER, MEDIA_ORDER, in_order
    from posemill.store.clip_fields import clips_schema

    outputs.mkdir(parents=True, exist_ok=True)
    text, number, real = pl.String, pl.Int64, pl.Float64
    table = pl.DataFrame(
        [{**row, "medium": row["digest"], "source": _source(row)} for row in media],
        schema={
            "medium": text,
            "kind": text,
            "dataset": text,
            "source": text,
            "width_px": number,
            "height_px": number,
            "fps": real,
            "frames": number,
            "duration_s": real,
        },
    )
    in_order(table, MEDIA_ORDER).write_parquet(outputs / "media.parquet")
    table = pl.DataFrame(
        [{**row, "end_s": float("nan") if row["end_s"] is None else row["end_s"]} for row in clips],
        schema=clips_schema(),
    )
    in_order(table, CLIP_ORDER).write_parquet(outputs / "clips.parquet")


def _write_released(path: Path, rows: Sequence[RowMapping]) -> None:
    """Write the media released from the label stage's quarantine, for it to label again."""
    import polars as pl

    pl.DataFrame([dict(row) for row in rows], schema={"number": pl.Int64, "medium": pl.String}).write_parquet(path)
