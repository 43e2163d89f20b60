"""What a search finds: digests and their beginnings, names where subjects stand; in Parquet and archives too."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from posemill.erasure.needles import Needles

HERS, OTHER = "ab12" * 16, "cd34" * 16
NEEDLES = Needles(frozenset({HERS}), "anna")


def parquet(**columns: list[str]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file, compression="zstd")
    return file.getvalue()


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.txt", content)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        HERS.encode(),
        b"the medium " + HERS[:12].encode() + b" is short",
        b"poses/" + HERS.encode() + b"-00000000-end.parquet",
        b'{"subject":"anna"}',
        json.dumps([{"subject": "anna", "clip": 3}], indent=1).encode(),
        parquet(medium=[OTHER, HERS] * 300),
        parquet(subject=["bob", "anna"] * 300),
        gzip.compress(b"\n".join([HERS.encode()] * 3)),
        zipped(HERS.encode()),
        zipped(gzip.compress(parquet(medium=[HERS]))),
    ],
)
def test_found(content: bytes, tmp_path: Path) -> None:
    assert NEEDLES.in_bytes(content)
    (tmp_path / "file").write_bytes(content)
    assert NEEDLES.in_file(tmp_path / "file")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        OTHER.encode(),
        HERS[1:].encode(),  # a run of digits that only contains it is another number
        HERS[:11].encode(),
        b'{"subject": "annabel"}, anna went home',
        parquet(medium=[OTHER] * 300, note=["anna"] * 300),
        gzip.compress(OTHER.encode()),
        b"\x1f\x8b damaged",
        b"PK\x03\x04 damaged",
        b"PAR1 damaged",
        np.zeros(300).tobytes(),
    ],
)
def test_not_found(content: bytes, tmp_path: Path) -> None:
    assert not NEEDLES.in_bytes(content)
    (tmp_path / "file").write_bytes(content)
    assert not NEEDLES.in_file(tmp_path / "file")


def test_a_digest_on_the_edge_of_two_blocks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posemill.erasure.needles._BLOCK", 1000)
    for place in range(930, 1070, 7):
        (tmp_path / "file").write_bytes(b"." * place + HERS.encode() + b"." * 2500)
        assert NEEDLES.in_file(tmp_path / "file"), place


@pytest.mark.parametrize(
    ("text", "mentioned"), [(b"ask anna.", True), (b"hanna", False), (b"anna-maria", False), (b"\0anna", False)]
)
def test_mentions_are_whole_words_in_texts(text: bytes, mentioned: bool) -> None:
    assert NEEDLES.mentions(text) is mentioned
