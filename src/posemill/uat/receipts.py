"""From what a person has of an answer (the number of its receipt, a file, a tag) to the model version that gave it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from posemill.errors import InputError
from posemill.serving.schemas.activity import Receipt
from posemill.store import schema
from posemill.uat.bentos import bentos


@dataclass(frozen=True, slots=True)
class Answered:
    """A model version (row of the database) and the tag of the bento that answered, where that is known."""

    version: RowMapping
    bento: str | None


def resolve(connection: Connection, home: Path, given: str) -> Answered:
    """The model version of a receipt: its id, a JSON file or text with a receipt in it, or the tag of a bento.

    Errors: InputError where nothing here fits.
    """
    receipt = _receipt(given)
    versions = list(
        connection.execute(select(schema.model_version).order_by(schema.model_version.c.id.desc())).mappings()
    )
    if receipt is None:
        return _named(connection, home, given, versions)
    bento, digests = receipt.get("bento"), {k: v for k, v in receipt.items() if k not in ("id", "bento") and v}
    if receipt.get("id") not in (None, _id(bento, digests)):
        raise InputError(f"the receipt was changed: its other fields do not give its id {receipt['id']}")
    fitting = [v for v in versions if all(v["digests"].get(k) == digest for k, digest in digests.items())]
    if not fitting:
        raise InputError(f"no model version in this database has the digests of that receipt ({_known(versions)})")
    return Answered(next((v for v in fitting if v["bento_tag"] == bento), fitting[0]), bento)


def _named(connection: Connection, home: Path, given: str, versions: list[RowMapping]) -> Answered:
    for version, tag in _tags(connection, home, versions):
        if given in (tag, _id(tag, version["digests"])):
            return Answered(version, tag)
    raise InputError(
        f"nothing here has the receipt {given!r}: give its id (16 digits), a JSON file with a receipt or an answer in "
        f"it, or the tag of a bento ({_known(versions)})"
    )


def _id(tag: str | None, digests: Mapping[str, Any]) -> str | None:
    """The id of the receipts of a bento; None where too little is known of its model."""
    return Receipt.of(tag, digests).id if {"model", "features", "classes"} <= set(digests) else None


def _tags(connection: Connection, home: Path, versions: list[RowMapping]) -> Iterator[tuple[RowMapping, str | None]]:
    """Every model version with every tag under which it may have answered."""
    stored = bentos(home)
    a, j = schema.acceptance.c, schema.judgement.c
    reports = [(n, r.get("bento")) for n, r in connection.execute(select(a.model_version_id, a.report))]
    judged = [r for r in connection.scalars(select(j.receipt).distinct()) if isinstance(r, dict)]
    for version in versions:
        model = version["digests"].get("model")
        tags = {version["bento_tag"], None}
        tags |= {b.tag for b in stored if b.digests.get("model") == model}
        tags |= {str(tag) for number, tag in reports if number == version["id"] and tag}
        tags |= {r.get("bento") for r in judged if r.get("model") == model}
        yield from ((version, tag) for tag in sorted(tags, key=str))


def _receipt(given: str) -> dict[str, Any] | None:
    """The receipt in a JSON file or text; None where `given` is neither."""
    text = given.strip()
    if not text.startswith(("{", "[")):
        path = Path(given)
        if not path.is_file():
            return None
        text = path.read_text(errors="replace")
    try:
        found = _search(json.loads(text))
    except ValueError:
        try:
            found = next(filter(None, (_search(json.loads(line)) for line in text.splitlines() if line.strip())), None)
        except ValueError as exc:
            raise InputError(f"{given[:80]} is not JSON: give an answer of the service, or its receipt") from exc
    if found is None:
        raise InputError(f"{given[:80]} holds no receipt: give an answer of the service, or its receipt")
    return found


def _search(value: Any) -> dict[str, Any] | None:
    """The first object that looks like a receipt, at any depth."""
    if isinstance(value, Mapping):
        if {"model", "features", "classes"} <= set(value) and all(isinstance(v, str | None) for v in value.values()):
            return dict(value)
        value = list(value.values())
    if isinstance(value, list):
        return next(filter(None, (_search(part) for part in value)), None)
    return None


def _known(versions: list[RowMapping]) -> str:
    tags = [v["bento_tag"] for v in versions[:3]]
    return f"the newest are {', '.join(tags)}" if tags else "it has none: `dvc repro` packages one"
