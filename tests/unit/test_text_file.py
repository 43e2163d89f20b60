"""Text files come in the encodings that editors and spreadsheets write; what cannot be told is refused, not guessed."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.text_file import decode_text, read_text

ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16": b"",
    "utf-32": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")),
    st.sampled_from(sorted(ENCODINGS)),
)
def test_what_was_written_is_what_is_read(text: str, encoding: str) -> None:
    assert decode_text(ENCODINGS[encoding] + text.encode(encoding), "f.txt") == text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end: str, tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(codecs.BOM_UTF8 + end.join(["walk", "sit", ""]).encode())
    assert read_text(path) == "walk\nsit\n"


def test_an_encoding_that_cannot_be_told_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match=r"^f\.txt is no text in UTF-8 \(line 2, byte 0xfc\): save it as UTF-8$"):
        decode_text("walk\nübung".encode("cp1252"), "f.txt")
    with pytest.raises(InputError, match="spreadsheets call that 'CSV UTF-8'"):
        decode_text("übung".encode("cp1252"), "f.CSV")
    with pytest.raises(InputError, match="zero bytes, as UTF-16 without a mark has"):
        decode_text("walk".encode("utf-16-le"), "f.txt")
