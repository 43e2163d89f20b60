"""Provenance of an answer: digests of the files that gave it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Strict(BaseModel):
    """Model that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Provenance(Strict):
    """SHA-256 digests of the files that answered, so that an answer can be traced to its model and data."""

    id: str = Field(description="first 16 digits of the SHA-256 of the other fields as sorted, compact JSON")
    bento: str | None = Field(description="tag of the bento, null outside one")
    model: str
    features: str
    classes: str
    labeller: str | None = None
    snapshot: str | None = None
    clips: str | None = None
    weights: str | None = None
    params: str | None = None
    code: str | None = Field(None, description="commit of the workspace that trained and packaged the model")

    @classmethod
    def of(cls, bento: str | None, digests: Mapping[str, Any]) -> Provenance:
        """Build it from the tag of the bento and the package's digests.json.

        >>> Provenance.of(None, {"model": "a", "features": "b", "classes": "c"}).id
        'e4a86328a85df193'
        """
        named = [name for name in cls.model_fields if name not in ("id", "bento")]
        fields = {"bento": bento, **{name: digests.get(name) for name in named}}
        canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
        return cls(id=hashlib.sha256(canonical.encode()).hexdigest()[:16], **fields)


def both_names(values: Any, name: str, former: str) -> Any:
    """Give a field its former name too, whichever of the two came; other input is left to pydantic.

    >>> both_names({"main_subject": 1}, "main_subject", "acting_person")
    {'main_subject': 1, 'acting_person': 1}
    """
    if isinstance(values, Mapping) and (name in values or former in values):
        given = values[name] if name in values else values[former]
        return {**values, name: given, former: given}
    return values


class WithProvenance(Strict):
    """Model with `provenance`, and for one release the same as `receipt`, its former name; either may be given."""

    provenance: Provenance
    receipt: Provenance | None = Field(
        None, description="former name of provenance", json_schema_extra={"deprecated": True}, repr=False
    )

    @model_validator(mode="before")
    @classmethod
    def _either(cls, values: Any) -> Any:
        return both_names(values, "provenance", "receipt")


Receipt = Provenance  # former name
