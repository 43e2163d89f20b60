"""Lineage of a model: the clips and media it was trained on, a table in the store that outlives the next build.

It names people and files, so it stays here: a model knows it by its digest only (`lineage` among its digests).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
from sqlalchemy import BigInteger, Connection, RowMapping, Text, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from posemill.errors import InputError
from posemill.store import schema
from posemill.store.clip_fields import FIELDS, lineage_schema
from posemill.store.media import MediaStore

FILE = "lineage.parquet"
SCHEMA = lineage_schema()


def write_lineage(path: Path, index: Path, clips: Path) -> None:
    """Write lineage.parquet: one row for each clip with windows, by number; NaN in end_s: to the end of the medium.

    index  windows (prepare's index.parquet): clip, medium, split.
    clips  the annotated clips (validate's clips.parquet).
    """
    cut = pl.read_parquet(index, columns=["clip", "medium", "split"])
    annotated = pl.read_parquet(clips)
    annotated = annotated.select(
        name for name in SCHEMA if name in annotated.columns and name not in ("medium", "split")
    )
    rows = cut.group_by("clip", "medium", "split").agg(pl.len().alias("windows")).join(annotated, on="clip", how="left")
    missing = [pl.lit(None).alias(name) for name in SCHEMA if name not in rows.columns]
    rows = rows.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.sort("clip", "split").write_parquet(path)


def keep_lineage(store: MediaStore, package: Path) -> None:
    """Put the lineage of a package into the store, where later builds do not overwrite it."""
    if (package / FILE).is_file():
        store.put(package / FILE)


def read_lineage(store: MediaStore, digest: str) -> pl.DataFrame:
    """Return the table with that digest, as write_lineage made it. Errors: InputError when the store lacks it."""
    try:
        return pl.read_parquet(store.fetch(digest))
    except pl.exceptions.PolarsError as exc:
        raise InputError(f"file {digest[:12]} of {store.url} is no lineage: {exc}") from exc


def clip_rows(connection: Connection, numbers: Sequence[int]) -> dict[int, RowMapping]:
    """Return clips by number, closed ones too, with their annotator and the origin of their medium."""
    c, m = schema.clip.c, schema.medium.c
    query = (
        select(
            c.id.label("clip"),
            m.digest.label("medium"),
            m.source,
            m.uri,
            m.dataset,
            *(c[name] for name, field in FIELDS.items() if field.in_lineage),
            c.annotated_by,
            c.annotated_at,
            c.valid_to,
            c.closed_by,
            m.added_by,
            m.added_at,
        )
        .join_from(schema.clip, schema.medium, c.medium_id == m.id)
        .where(c.id == func.any(cast(list(numbers), ARRAY(BigInteger))))
        .order_by(c.id)
    )
    return {row["clip"]: row for row in connection.execute(query).mappings()}


def corrected_keypoints(connection: Connection, media: Sequence[str], when: object) -> int:
    """Count the keypoint corrections of these media that held at that time."""
    k, m = schema.keypoint_correction.c, schema.medium.c
    query = (
        select(func.count(k.id))
        .join_from(schema.keypoint_correction, schema.medium, k.medium_id == m.id)
        .where(
            m.digest == func.any(cast(list(media), ARRAY(Text))),
            k.annotated_at <= when,
            k.valid_to.is_(None) | (k.valid_to > when),
        )
    )
    return int(connection.execute(query).scalar_one())
