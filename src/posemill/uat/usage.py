"""Where a medium went: every model and bento that it is in, and taking it out of the next ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import schema
from posemill.store.catalog import clips, remove_clip
from posemill.store.references import find_any_medium
from posemill.uat.bentos import bentos
from posemill.uat.training_lineage import training_lineage


@dataclass(slots=True)
class MediumUsage:
    """Where a medium is.

    models     one row a model version that was made with it: version, stage, split, clips, windows, bentos.
    unknown    tags of versions of which it cannot be said, since their lineage is not here.
    judgements how many judgements of clients speak of it; scenarios: files under acceptance/ that name it.
    clips      numbers of its clips that hold now.
    """

    medium: RowMapping
    models: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    judgements: int = 0
    scenarios: list[str] = field(default_factory=list)
    clips: list[int] = field(default_factory=list)


def usage_of(connection: Connection, settings: Settings, which: str) -> MediumUsage:
    """Look for a medium (see find_any_medium) in every model version of the database."""
    medium = find_any_medium(connection, which)
    digest = medium["digest"]
    if digest is None:
        raise InputError(f"the bytes of medium {medium['id']} ({medium['uri']}) were never fetched: it is in no model")
    out = MediumUsage(medium)
    stored = bentos(settings.home)
    for version in connection.execute(select(schema.model_version).order_by(schema.model_version.c.id)).mappings():
        found = _in_model(settings, version, digest)
        if found is None:
            out.unknown.append(version["bento_tag"])
        elif found:
            model = version["digests"].get("model")
            tags = {version["bento_tag"], *(b.tag for b in stored if b.digests.get("model") == model)}
            gone = tags - {b.tag for b in stored}
            named = [f"{tag} (not in this store)" if tag in gone else tag for tag in sorted(tags)]
            out.models.append({"version": version["id"], "stage": version["stage"], **found, "bentos": named})
    judged = select(func.count()).where(schema.feedback.c.upload_digest == digest)
    out.judgements = int(connection.scalar(judged) or 0)
    out.scenarios = _scenarios(settings.workspace, digest, medium["source"])
    out.clips = [row["clip"] for row in clips(connection, medium=digest)]
    return out


def mark(connection: Connection, found: MediumUsage, annotated_by: str) -> int:
    """End the clips of a medium, so that the next build leaves it out; their rows stay, with who and when."""
    for clip in found.clips:
        remove_clip(connection, clip, annotated_by)
    return len(found.clips)


def _in_model(settings: Settings, version: RowMapping, digest: str) -> dict[str, Any] | None:
    """What of a medium is in a model; empty where nothing is, None where that cannot be known."""
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


def _scenarios(root: Path, digest: str, source: str | None) -> list[str]:
    """Files of scenarios that name the medium."""
    folder = root / "acceptance"
    named = [name for name in (digest, source) if name]
    files = sorted(folder.rglob("*.yaml")) if folder.is_dir() else []
    return [str(f.relative_to(root)) for f in files if any(name in f.read_text(errors="replace") for name in named)]
