"""Manifests: CSV or Parquet tables of clips, one row a file or an interval of one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from posemill.errors import InputError
from posemill.formats.csv_file import read_csv
from posemill.formats.parquet_file import read_parquet
from posemill.ingest.entry import Entry
from posemill.store.clip_fields import CLAIMS, CORRECTABLE, FIELDS, ClipField

if TYPE_CHECKING:
    import polars as pl

MANIFESTS = (".csv", ".parquet")
COLUMNS = ("path", *CORRECTABLE)
_NUMBERED = ("activity", "subject", "camera")  # where pandas writes 7.0 for a number 7, once a cell is empty
_WHOLE = r"^\s*\d+\.0\s*$"
SHOWN = 20  # faults in one message


def read_manifest(path: Path, fill: Mapping[str, str | None] | None = None) -> list[Entry]:
    """Return the entries of a manifest. Paths are relative to its folder; an empty cell is not known.

    fill  values for empty claims (activity, subject, camera, split).
    Errors: InputError that lists every fault with its row (in a CSV the header is row 1).
    """
    table = _read(path)
    unknown = sorted(set(table.columns) - set(COLUMNS))
    if unknown or "path" not in table.columns:
        what = f"unknown column {', '.join(unknown)}" if unknown else "no column 'path'"
        raise InputError(f"{path}: {what}; a manifest has path and any of {', '.join(COLUMNS[1:])}")
    first = 2 if path.suffix.lower() == ".csv" else 1
    faults: list[str] = []
    entries = []
    for number, row in enumerate(table.iter_rows(named=True), first):
        if not any(row.values()):
            continue  # spreadsheets end with empty rows
        clean = {name: (value or "").strip() or (fill or {}).get(name) for name, value in row.items()}
        entry, wrong = _entry(path.parent, {**(fill or {}), **clean})
        faults += [f"row {number}: {fault}" for fault in wrong]
        entries.append((number, entry))
    faults += _contradictions([(n, e) for n, e in entries if e]) + _by_capitals([(n, e) for n, e in entries if e])
    if not entries:
        faults = ["it has no rows"]
    if faults:
        more = f" and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise InputError(f"{path}: nothing was added: {'; '.join(faults[:SHOWN])}{more}")
    return list(dict.fromkeys(entry for _, entry in entries if entry))


def _read(path: Path) -> pl.DataFrame:
    from polars.exceptions import PolarsError

    try:
        table = read_parquet(path) if path.suffix.lower() == ".parquet" else read_csv(path, only_text=True)
        return _as_text(table.rename({name: name.strip() for name in table.columns}))
    except (PolarsError, OSError) as exc:
        raise InputError(f"{path} is not a readable {path.suffix} table: {str(exc).splitlines()[0]}") from exc


def _as_text(table: pl.DataFrame) -> pl.DataFrame:
    """All columns as text. Whole numbers that became floats, since some cells are empty, are whole numbers again."""
    import polars as pl

    def text(column: pl.Series) -> pl.Series:
        if isinstance(column.dtype, pl.Duration):
            return (column.dt.total_microseconds() / 1e6).cast(pl.String)
        if column.dtype.is_float() and bool((column.drop_nulls().drop_nans() % 1 == 0).all()):
            return column.fill_nan(None).cast(pl.Int64, strict=False).cast(pl.String)
        if column.dtype == pl.String and column.name in _NUMBERED and bool(column.str.contains(_WHOLE).all()):
            return column.str.strip_suffix(".0")
        return column.cast(pl.String)

    return table.with_columns(text(table[name]) for name in table.columns)


def _entry(folder: Path, row: Mapping[str, str | None]) -> tuple[Entry | None, list[str]]:
    """The entry of a row, or what is wrong with it."""
    faults = []
    name = row.get("path")
    file = _found(folder, name) if name else None
    if file is None:
        faults.append("no path")
    elif not _is_file(file):
        faults.append(f"no file {name}")
    start_s, end_s = _seconds(row, "start_s", faults), _seconds(row, "end_s", faults)
    if start_s is not None and end_s is not None and end_s <= start_s:
        faults.append(f"end_s {end_s:g} is not after start_s {start_s:g}")
    claims = {name: _claim(FIELDS[name], row.get(name), faults) for name in CLAIMS}
    if faults or file is None:
        return None, faults
    return Entry(file.resolve(), str(name), start_s or 0.0, end_s, **claims), []


def _found(folder: Path, name: str) -> Path:
    """The file of that name; in the other form of Unicode, or with the slashes of Windows, where only that exists."""
    forms = (name, normalize("NFC", name), normalize("NFD", name), name.replace("\\", "/"))
    return next((folder / form for form in forms if _is_file(folder / form)), folder / name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a zero byte
        return False


def _claim(field: ClipField, value: str | None, faults: list[str]) -> Any:
    if value is not None and field.choices and value not in field.choices:
        faults.append(f"{field.name} {value!r} is none of {', '.join(field.choices)}")
    if value is None or field.kind is str:
        return value
    try:
        return field.kind(value)
    except ValueError:
        faults.append(f"{field.name} {value!r} is not a number")
        return None


def _seconds(row: Mapping[str, str | None], key: str, faults: list[str]) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        faults.append(f"{key} {value!r} is not a number of seconds from 0")
        return None
    return seconds


def _contradictions(rows: list[tuple[int, Entry]]) -> list[str]:
    """Rows that say different things about the same interval of the same file."""
    seen: dict[tuple[Path, float, float | None], tuple[int, Entry]] = {}
    faults = []
    for number, entry in rows:
        other, earlier = seen.setdefault((entry.path, entry.start_s, entry.end_s), (number, entry))
        if earlier != entry:
            faults.append(f"rows {other} and {number} say different things about the same stretch of {entry.source}")
    return faults


def _by_capitals(rows: list[tuple[int, Entry]]) -> list[str]:
    """Names that differ by capitals only: one of them is a slip, and would become a class or person of its own."""
    faults: dict[str, None] = {}
    for claim in ("activity", "subject"):
        seen: dict[str, tuple[int, str]] = {}
        for number, entry in rows:
            name = getattr(entry, claim) or ""
            other, spelled = seen.setdefault(name.casefold(), (number, name))
            if spelled != name:
                both = f"{spelled!r} and {name!r}"
                faults.setdefault(f"rows {other} and {number} have the {claim} {both}: spell them alike")
    return list(faults)
