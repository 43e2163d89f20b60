"""What a search for a person's data looks for in files: digests anywhere, the subject's name where subjects stand."""

from __future__ import annotations

import gzip
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

DIGITS = 12  # of a digest, as tables and reports show it; a whole one begins so too
_HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{12,64}(?![0-9a-f])")
_BLOCK, _OVERLAP = 32 << 20, 256
_PARQUET, _ZIP, _GZIP = b"PAR1", b"PK\x03\x04", b"\x1f\x8b"
_DEEPEST = 3  # archives within archives


@dataclass(frozen=True)
class Needles:
    """Digests of media and of files made of them (SHA-256, hex), and the subject's name.

    A digest counts from its first twelve digits on, as reports show it. A name counts where subjects stand (a column or
    a key `subject`); as a word elsewhere it is a mention, since a name may be a common word.

    Examples:
        >>> needles = Needles(frozenset({"26e506cc30f5" + 52 * "0"}), "anna")
        >>> needles.in_text("medium 26e506cc30f5 is short"), needles.in_text("medium 36e506cc30f5")
        (True, False)
        >>> needles.in_text('{"subject": "anna"}'), needles.in_text("hanna sits"), needles.mentions(b"ask anna")
        (True, False, True)
    """

    digests: frozenset[str]
    subject: str | None = None
    _beginnings: frozenset[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_beginnings", frozenset(d[:DIGITS].encode() for d in self.digests))

    def in_text(self, text: str) -> bool:
        """True if a text has one of the digests, or the name as the value of a key `subject`."""
        return self._in_raw(text.encode("utf-8", "surrogateescape"))

    def in_names(self, names: Iterable[str]) -> bool:
        """True if one of these is a digest or its beginning, or the name."""
        return any(name == self.subject or self.in_text(name) for name in names if name)

    def mentions(self, content: bytes) -> bool:
        """True if a text has the name as a whole word."""
        if not self.subject or b"\0" in content[:1024]:
            return False
        word = re.escape(self.subject.encode())
        return re.search(rb"(?<![\w-])" + word + rb"(?![\w-])", content) is not None

    def in_file(self, path: Path) -> bool:
        """True if the content of a file has one of them; within Parquet and archives too."""
        with path.open("rb") as file:
            first = file.read(4)
            file.seek(0)
            if first in (_PARQUET, _ZIP) or first[:2] == _GZIP:
                return self.in_bytes(file.read())
            return any(map(self._in_raw, _blocks(file)))

    def in_bytes(self, content: bytes, depth: int = 0) -> bool:
        """True if a content has one of them."""
        if self._in_raw(content):
            return True
        if content[:4] == _PARQUET:
            return self._in_parquet(content)
        if depth < _DEEPEST:
            return any(self.in_bytes(part, depth + 1) for part in _parts(content))
        return False

    def _in_raw(self, content: bytes) -> bool:
        if self._beginnings and any(run[:DIGITS] in self._beginnings for run in _HEX.findall(content)):
            return True
        if not self.subject:
            return False
        name = re.escape(self.subject.encode())
        return re.search(rb'"subject"\s*:\s*"' + name + rb'"', content) is not None

    def _in_parquet(self, content: bytes) -> bool:
        import polars as pl

        try:
            schema = pl.read_parquet_schema(io.BytesIO(content))
            texts = [name for name, kind in schema.items() if kind == pl.String]
            table = pl.read_parquet(io.BytesIO(content), columns=texts) if texts else pl.DataFrame()
        except pl.exceptions.PolarsError:
            return False  # named so and no Parquet: its bytes were searched
        for name in texts:
            values = table[name].drop_nulls().unique().to_list()
            if name == "subject" and self.subject in values:
                return True
            if any(self.in_text(value) for value in values):
                return True
        return False


def _blocks(file: io.BufferedReader) -> Iterator[bytes]:
    """A file in blocks that overlap, so that nothing is cut in two."""
    rest = b""
    while block := file.read(_BLOCK):
        yield rest + block
        rest = block[-_OVERLAP:]


def _parts(content: bytes) -> Iterator[bytes]:
    """Members of an archive; nothing of what is none, or is damaged."""
    try:
        if content[:2] == _GZIP:
            yield gzip.decompress(content)
        elif content[:4] == _ZIP:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                for name in archive.namelist():
                    yield name.encode()
                    yield archive.read(name)
    except (OSError, EOFError, zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError):
        return
