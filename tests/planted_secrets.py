"""Secrets that are planted in environment and configuration, and a search that opens what a run wrote: archives,
tables, documents and databases, so that compression hides nothing."""

from __future__ import annotations

import base64
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import polars as pl
from sqlalchemy import create_engine, inspect, text

MARK = "pl4nted7d1f"  # is in every secret
MEMBERS = 5_000  # of an archive


def planted(what: str) -> str:
    """A secret whose name tells where it came from, with characters that URLs and shells write otherwise."""
    return f"{MARK}-{what}/+=9"


def quoted(what: str) -> str:
    """The same secret as it stands in a URL."""
    return quote(planted(what), safe="")


def found_in(content: bytes) -> set[str]:
    """Names of the secrets in these bytes, looked for within archives too; `encoded` where only base64 has one."""
    names = {match.decode() for match in re.findall(rf"{MARK}-([a-z]+)".encode(), content)}
    if any(form in content for form in _encoded()):
        names.add("encoded")
    for inner in _inside(content):
        names |= found_in(inner)
    return names


def found_below(folder: Path, but: Iterable[Path] = ()) -> dict[str, set[str]]:
    """Secrets by file, of all files below a folder; `but` are files that hold one on purpose."""
    left_out, found = set(but), {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path not in left_out:
            try:
                names = found_in(path.read_bytes())
            except FileNotFoundError:  # a server's temporary one
                continue
            if names:
                found[str(path.relative_to(folder))] = names
    return found


def found_in_database(url: str) -> dict[str, set[str]]:
    """Secrets by schema, table and column."""
    engine, found = create_engine(url.replace("postgresql://", "postgresql+psycopg2://")), {}
    try:
        with engine.connect() as connection:
            inspected = inspect(connection)
            for schema in inspected.get_schema_names():
                for table in inspected.get_table_names(schema) if schema != "information_schema" else ():
                    for row in connection.execute(text(f'SELECT * FROM "{schema}"."{table}"')).mappings():
                        for column, value in row.items():
                            if names := found_in(value if isinstance(value, bytes) else str(value).encode()):
                                found.setdefault(f"{table}.{column}", set()).update(names)
    finally:
        engine.dispose()
    return found


def _encoded() -> Iterator[bytes]:
    """The mark in base64, at each of the three places in a group; what depends on its neighbours is cut off."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + MARK.encode())
        yield text[4 if shift else 0 : len(text) - 4]


def _inside(content: bytes) -> Iterator[bytes]:
    if content.startswith(b"PK") and zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist()[:MEMBERS]:
                yield name.encode()
                yield archive.read(name)
    elif content.startswith(b"PAR1") and content.endswith(b"PAR1"):
        table = pl.read_parquet(io.BytesIO(content))
        yield "\n".join(str(row) for row in table.select(_texts(table)).unique().rows()).encode()
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"%PDF"):
        for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL):
            yield _inflated(stream)
    elif content[:2] in (b"x\x01", b"x\x9c"):  # git's objects
        yield _inflated(content)


def _texts(table: pl.DataFrame) -> list[str]:
    return [name for name, kind in table.schema.items() if kind in (pl.String, pl.Categorical, pl.Binary)]


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content)
    except zlib.error:
        return b""
