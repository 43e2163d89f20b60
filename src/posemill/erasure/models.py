"""Models that were made with erased media: they are withdrawn, and their lineage loses the rows."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection, RowMapping, func, select, update

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import schema
from posemill.store.lineage import read_lineage
from posemill.store.media import MediaStore
from posemill.uat.training_lineage import training_lineage

if TYPE_CHECKING:
    import polars as pl

V = schema.model_version.c


@dataclass(frozen=True)
class AffectedModel:
    """A model version that erased media are in.

    share  `trained` (trained or chosen with them), `tested` (judged by them only), `unknown` (its lineage is missing).
    """

    version: int
    bento_tag: str
    stage: str
    share: str
    clips: int = 0
    lineage: str | None = None


def affected_models(
    connection: Connection, settings: Settings, digests: Collection[str], subject: str | None
) -> list[AffectedModel]:
    """Return the model versions that these media, or clips of the subject, are in, oldest first."""
    found = []
    for row in connection.execute(select(schema.model_version).order_by(V.id)).mappings():
        model = _affected(settings, row, digests, subject)
        if model is not None:
            found.append(model)
    return found


def withdraw(connection: Connection, versions: Collection[int]) -> int:
    """Retire these versions for good; return how many were not so yet."""
    change = update(schema.model_version).where(V.id.in_(versions), V.withdrawn_at.is_(None))
    return int(connection.execute(change.values(stage="retired", withdrawn_at=func.now())).rowcount)


def rewrite_lineage(
    connection: Connection, settings: Settings, versions: Collection[int], digests: Collection[str], subject: str | None
) -> None:
    """Give these versions a lineage without the rows. The tables until then are removed with the other files."""
    store = MediaStore(settings.store_url)
    for row in connection.execute(select(V.id, V.digests).where(V.id.in_(versions))).mappings():
        digest = row["digests"].get("lineage")
        if not digest or not store.has(digest):
            continue
        table = read_lineage(store, digest)
        kept = table.filter(~_hers(digests, subject))
        if len(kept) < len(table):
            content = io.BytesIO()
            kept.write_parquet(content)
            changed = {**row["digests"], "lineage": store.put_bytes(content.getvalue())}
            connection.execute(update(schema.model_version).where(V.id == row["id"]).values(digests=changed))


def _affected(
    settings: Settings, row: RowMapping, digests: Collection[str], subject: str | None
) -> AffectedModel | None:
    about = row["id"], row["bento_tag"], row["stage"]
    try:
        table = training_lineage(settings, row["digests"])
    except InputError:
        return AffectedModel(*about, "unknown")
    hers = table.filter(_hers(digests, subject))
    if not len(hers):
        return None
    splits = set(hers["split"].drop_nulls().to_list())
    share = "trained" if splits & {"train", "validation"} else "tested"
    return AffectedModel(*about, share, hers["clip"].n_unique(), row["digests"].get("lineage"))


def _hers(digests: Collection[str], subject: str | None) -> pl.Expr:
    import polars as pl

    where = pl.col("medium").is_in(list(digests))
    return where if subject is None else where | (pl.col("subject") == subject).fill_null(False)


def tags(connection: Connection, versions: Collection[int]) -> list[dict[str, str | bool]]:
    """Return bento tag, stage and whether it was withdrawn, of these versions."""
    query = select(V.bento_tag, V.stage, V.withdrawn_at).where(V.id.in_(versions)).order_by(V.id)
    return [{"bento": tag, "stage": stage, "withdrawn": at is not None} for tag, stage, at in connection.execute(query)]
