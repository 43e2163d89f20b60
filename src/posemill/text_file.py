"""Text files of other tools, decoded in one place: UTF-8 with or without a byte order mark, UTF-16, UTF-32.

Any other encoding is refused, since it cannot be told from its bytes: cp1252, Latin-1 and Mac Roman all read as text,
each as another.
"""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TypeVar

from posemill.errors import InputError

T = TypeVar("T")
_INVISIBLE = dict.fromkeys(
    (0x00AD, 0x200B, 0x2060, 0xFEFF)
)  # soft hyphen, zero-width space, word joiner, byte order mark
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|", "%")  # what spreadsheets take for the beginning of one

# longer marks first: that of UTF-32 begins like that of UTF-16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_text(path: Path) -> str:
    """Read a text file without its byte order mark; line ends become \\n.

    Errors: InputError that names the file and the line where the text is in no encoding that is read; OSError where the
    file cannot be read at all.

    Examples:
        >>> path = Path(getfixture("tmp_path")) / "classes.txt"
        >>> _ = path.write_bytes("walk\\r\\nsit".encode("utf-16"))
        >>> read_text(path).splitlines()
        ['walk', 'sit']
    """
    return decode_text(path.read_bytes(), path.name)


def decode_text(content: bytes, name: str) -> str:
    """Decode the bytes of a text file; see `read_text`. name: the file's, for the sentence."""
    mark, encoding = next(((m, e) for m, e in _MARKS if content.startswith(m)), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, len(mark) + exc.start) + 1
        raise InputError(
            f"{name} is no text in UTF-8 (line {line}, byte 0x{exc.object[exc.start]:02x}): save it as UTF-8"
            + ("; spreadsheets call that 'CSV UTF-8'" if name.lower().endswith(".csv") else "")
        ) from None
    if "\0" in text:
        raise InputError(
            f"{name} is no text in UTF-8 (it has zero bytes, as UTF-16 without a mark has): save it as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def one_name(text: str) -> str:
    """Return a name (an activity, a subject) in one spelling, whatever program wrote it.

    Names that look alike are alike: Unicode's composed form (NFC; macOS decomposes names of folders), one plain space
    for any white space, nothing invisible. Capitals stay.

    Errors: InputError for characters that are no text.

    Examples:
        >>> one_name("cafe\u0301\u00a0 corner\u200b ") == "caf\u00e9 corner"
        True
    """
    import unicodedata

    name = " ".join(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).split())
    if not name.isprintable():
        raise InputError(f"{name!r} is no name: it has characters that are no text (another encoding?)")
    return name


def spreadsheet_safe(cell: T) -> T | str:
    """Return a cell of a CSV table that people open in a spreadsheet: a text that would be run as a formula gets a '.

    Names of activities and subjects come from files of others. Tables that are read again are written as they are.

    Examples:
        >>> spreadsheet_safe("=HYPERLINK(...)"), spreadsheet_safe("wave"), spreadsheet_safe(-1.5)
        ("'=HYPERLINK(...)", 'wave', -1.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
