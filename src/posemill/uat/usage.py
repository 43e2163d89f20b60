"""Usage of a medium: the models and bentos trained or tested with it, and its exclusion from later builds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from posemill.errors import InputError
from posemill.redacted import redacted
from posemill.settings import Settings
from posemill.store import schema
from posemill.store.catalog import clips, remove_clip
from posemill.store.references import find_any_medium
from posemill.uat.bentos import list_bentos
from posemill.uat.training_lineage import training_lineage


@dataclass(slots=True)
class MediumUsage:
    """Usage of one medium.

    models     one row per model version built with it: version, stage, split, clips, windows, bentos.
    unknown    bento tags of versions whose lineage is not available.
    feedback   number of clients' feedback entries about it.
    scenarios  files under acceptance/ that name it.
    clips      numbers of its currently valid clips.
    """

    medium: RowMapping
    models: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    feedback: int = 0
    scenarios: list[str] = field(default_factory=list)
    clips: list[int] = field(default_factory=list)


def usage_of(connection: Connection, settings: Settings, reference: str) -> MediumUsage:
    """Find a medium (see find_any_medium) in the lineage of every model version of the database."""
    medium = find_any_medium(connection, reference)
    digest = medium["digest"]
    if digest is None:
        raise InputError(
            f"medium {medium['id']} ({redacted(medium['uri'])}) was never fetched, so no model contains it"
        )
    out = MediumUsage(medium)
    stored = list_bentos(settings)
    for version in connection.execute(select(schema.model_version).order_by(schema.model_version.c.id)).mappings():
        share = _share_of_model(settings, version, digest)
        if share is None:
            out.unknown.append(version["bento_tag"])
        elif share:
            model = version["digests"].get("model")
            tags = {version["bento_tag"], *(b.tag for b in stored if b.digests.get("model") == model)}
            missing = tags - {b.tag for b in stored}
            named = [f"{tag} (not in this store)" if tag in missing else tag for tag in sorted(tags)]
            out.models.append({"version": version["id"], "stage": version["stage"], **share, "bentos": named})
    entries = select(func.count()).where(schema.feedback.c.upload_digest == digest)
    out.feedback = int(connection.scalar(entries) or 0)
    out.scenarios = scenarios_naming(settings.workspace, digest, medium["source"])
    out.clips = [row["clip"] for row in clips(connection, medium=digest)]
    return out


def exclude(connection: Connection, usage: MediumUsage, annotated_by: str) -> int:
    """End the validity of a medium's clips, so that later builds exclude it; returns the number of clips.

    Their rows stay, with the time and `annotated_by`.
    """
    for clip in usage.clips:
        remove_clip(connection, clip, annotated_by)
    return len(usage.clips)


def _share_of_model(settings: Settings, version: RowMapping, digest: str) -> dict[str, Any] | None:
    """Split, clips and windows of a medium in a model; empty if it is not in it, None if the lineage is missing."""
    import polars as pl

    try:
        table = training_lineage(settings, version["digests"])
    except InputError:
        return None
    rows = table.filter(pl.col("medium") == digest)
    if not len(rows):
        return {}
    splits = "+".join(sorted(set(rows["split"].drop_nulls().to_list())))
    return {"split": splits, "clips": rows["clip"].n_unique(), "windows": int(rows["windows"].sum())}


def scenarios_naming(root: Path, digest: str, source: str | None) -> list[str]:
    """Scenario files that name the medium."""
    folder = root / "acceptance"
    named = [name for name in (digest, source) if name]
    files = sorted(folder.rglob("*.yaml")) if folder.is_dir() else []
    return [str(f.relative_to(root)) for f in files if any(name in f.read_text(errors="replace") for name in named)]
