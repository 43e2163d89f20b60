"""Provenance of an answer: resolves a provenance id, an answer's JSON or a bento tag to a model version."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from posemill.errors import InputError
from posemill.serving.schemas.activity import TrackAnswer, VideoAnswer
from posemill.serving.schemas.applications import ApplicationAnswer
from posemill.serving.schemas.provenance import Provenance
from posemill.settings import Settings
from posemill.store import schema
from posemill.uat.bentos import list_bentos

__all__ = ["Provenance", "Resolved", "provenance_of", "resolve"]

DIGESTS = {"model", "features", "classes"}  # every provenance has these


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model version (row of the database) and the tag of the bento that answered, if known."""

    version: RowMapping
    bento: str | None


def provenance_of(answer: TrackAnswer | VideoAnswer | ApplicationAnswer) -> Provenance:
    """Provenance of a service's answer."""
    return answer.provenance


def resolve(connection: Connection, settings: Settings, reference: str) -> Resolved:
    """Find the model version that gave an answer.

    reference  a provenance id, a JSON file or text that contains a provenance at any depth (answers of a service have
               it as `provenance`, older ones as `receipt`), or a bento tag.
    Errors: InputError if nothing in this database matches.
    """
    provenance = _read_provenance(reference)
    newest_first = select(schema.model_version).order_by(schema.model_version.c.id.desc())
    versions = list(connection.execute(newest_first).mappings())
    if provenance is None:
        return _by_name(connection, settings, reference, versions)
    bento, digests = provenance.get("bento"), {k: v for k, v in provenance.items() if k not in ("id", "bento") and v}
    if provenance.get("id") not in (None, _id(bento, digests)):
        raise InputError(f"the provenance was altered: its other fields do not give its id {provenance['id']}")
    matches = [v for v in versions if all(v["digests"].get(k) == digest for k, digest in digests.items())]
    if not matches:
        raise InputError(f"no model version in this database has the digests of that provenance ({_newest(versions)})")
    return Resolved(next((v for v in matches if v["bento_tag"] == bento), matches[0]), bento)


def _by_name(connection: Connection, settings: Settings, reference: str, versions: list[RowMapping]) -> Resolved:
    """Resolve a provenance id or a bento tag."""
    for version, tag in _tags(connection, settings, versions):
        if reference in (tag, _id(tag, version["digests"])):
            return Resolved(version, tag)
    raise InputError(
        f"nothing here has the provenance {reference!r}: give its id (16 digits), a JSON file with an answer or a "
        f"provenance, or a bento tag ({_newest(versions)})"
    )


def _id(tag: str | None, digests: Mapping[str, Any]) -> str | None:
    """Provenance id of a bento's answers; None if its model lacks digests."""
    return Provenance.of(tag, digests).id if set(digests) >= DIGESTS else None


def _tags(
    connection: Connection, settings: Settings, versions: list[RowMapping]
) -> Iterator[tuple[RowMapping, str | None]]:
    """Every model version with every bento tag under which it may have answered."""
    stored = list_bentos(settings)
    a, f = schema.acceptance.c, schema.feedback.c
    reports = [(n, r.get("bento")) for n, r in connection.execute(select(a.model_version_id, a.report))]
    feedback = [r for r in connection.scalars(select(f.provenance).distinct()) if isinstance(r, dict)]
    for version in versions:
        model = version["digests"].get("model")
        tags = {version["bento_tag"], None}
        tags |= {b.tag for b in stored if b.digests.get("model") == model}
        tags |= {str(tag) for number, tag in reports if number == version["id"] and tag}
        tags |= {r.get("bento") for r in feedback if r.get("model") == model}
        yield from ((version, tag) for tag in sorted(tags, key=str))


def _read_provenance(reference: str) -> dict[str, Any] | None:
    """The provenance in a JSON file or JSON text; None if `reference` is neither."""
    text = reference.strip()
    if not text.startswith(("{", "[")):
        path = Path(reference)
        if not path.is_file():
            return None
        text = path.read_text(errors="replace")
    try:
        provenance = _search(_parse(text))
    except ValueError as exc:
        raise InputError(f"{reference[:80]} is not JSON: give an answer of the service, or its provenance") from exc
    if provenance is None:
        raise InputError(f"{reference[:80]} contains no provenance: give an answer of the service, or its provenance")
    return provenance


def _parse(text: str) -> Any:
    """JSON, or JSON lines as a list."""
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _search(value: Any) -> dict[str, Any] | None:
    """The first object with the fields of a provenance, at any depth."""
    if isinstance(value, Mapping):
        if set(value) >= DIGESTS and all(isinstance(v, str | None) for v in value.values()):
            return dict(value)
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, (_search(part) for part in value)), None)
    return None


def _newest(versions: list[RowMapping]) -> str:
    tags = [v["bento_tag"] for v in versions[:3]]
    return f"the newest are {', '.join(tags)}" if tags else "it has none: `dvc repro` packages one"
