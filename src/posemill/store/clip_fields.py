"""Clip fields: the one definition of what an annotator says of a clip.

Everything that names the columns of clips is derived from `ClipFields`: bulk insert and merge, correction, manifests,
options of the command line, the snapshot's digest, clips.parquet, lineage and the index of windows. A new field is a
line here, its column in schema.py with a migration, and the place where it is used; docs/architecture.md says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from posemill.text_file import one_name

if TYPE_CHECKING:
    import polars as pl

Role = Literal["interval", "claim"]
_SQL = {str: "text", float: "float8"}


@dataclass(frozen=True, slots=True)
class ClipField:
    """One column of clips that an annotator sets and may correct.

    kind         str (SQL text, Parquet string) or float (float8, Float64).
    role         `interval`: with the medium it says which clip is meant; `claim`: what is said of it. An empty claim is
                 filled in by whoever knows it, another value is a contradiction.
    description  for help texts and manifests.
    choices      the only values there are; empty = any.
    in_lineage   kept with a model, for `posemill trace`.
    per_window   copied to each window of the clip (build/prepare/index.parquet).
    """

    name: str
    kind: type[str] | type[float]
    role: Role
    description: str
    choices: tuple[str, ...] = ()
    in_lineage: bool = True
    per_window: bool = True

    @property
    def sql(self) -> str:
        """PostgreSQL type."""
        return _SQL[self.kind]

    @property
    def parquet(self) -> type[pl.DataType]:
        """Polars type."""
        import polars as pl

        return pl.String if self.kind is str else pl.Float64


def _interval(default: float | None, description: str) -> Any:
    return field(default=default, metadata={"role": "interval", "description": description, "per_window": False})


def _claim(description: str, **attributes: Any) -> Any:
    return field(default=None, metadata={"role": "claim", "description": description, **attributes})


@dataclass(frozen=True)
class ClipFields:
    """An annotator's description of a clip, seconds of the medium. None: end_s to the end, the others not known."""

    start_s: float = _interval(0.0, "Seconds from the medium's start.")
    end_s: float | None = _interval(None, "Seconds from the medium's start; default: its end.")
    activity: str | None = _claim("Activity that is shown.")
    subject: str | None = _claim("Person who is shown; people are never split between training and test.")
    camera: str | None = _claim("Camera that took it.", in_lineage=False)
    split: str | None = _claim(
        "Official split, where there is one.", choices=("train", "test"), in_lineage=False, per_window=False
    )

    def __post_init__(self) -> None:
        """Texts in one spelling, see `one_name`; an empty one is not known."""
        for name, value in vars(self).items():
            if name in CLAIMS and isinstance(value, str):
                object.__setattr__(self, name, one_name(value) or None)


def _defined() -> dict[str, ClipField]:
    hints = get_type_hints(ClipFields)
    kinds = {name: next((k for k in get_args(hint) if k in _SQL), hint) for name, hint in hints.items()}
    return {f.name: ClipField(f.name, kinds[f.name], **f.metadata) for f in fields(ClipFields)}


FIELDS: Mapping[str, ClipField] = _defined()
INTERVAL = tuple(name for name, f in FIELDS.items() if f.role == "interval")
CLAIMS = tuple(name for name, f in FIELDS.items() if f.role == "claim")
CORRECTABLE = (*INTERVAL, *CLAIMS)
PER_WINDOW = tuple(name for name, f in FIELDS.items() if f.per_window)
HISTORY = ("valid_to", "closed_by", "superseded_by")  # set by posemill when a clip is corrected or removed


def clip_values(source: Any) -> dict[str, Any]:
    """Return the clip fields that an object has as attributes, by name."""
    return {name: getattr(source, name) for name in FIELDS if hasattr(source, name)}


def clips_schema() -> dict[str, type[pl.DataType]]:
    """Return the columns of clips.parquet with their polars types."""
    import polars as pl

    described = {name: f.parquet for name, f in FIELDS.items()}
    return {"clip": pl.Int64, "medium": pl.String, **described, "dataset": pl.String, "annotated_by": pl.String}


def lineage_schema() -> dict[str, type[pl.DataType]]:
    """Return the columns of lineage.parquet with their polars types; `split` is that of the windows."""
    import polars as pl

    described = {name: f.parquet for name, f in FIELDS.items() if f.in_lineage}
    counted = {"clip": pl.Int64, "medium": pl.String, "split": pl.String, "windows": pl.Int64}
    return {**counted, **described, "dataset": pl.String, "annotated_by": pl.String}
