"""Canonical ZIP: every byte of the container follows from the list of its members, so no byte can change unnoticed.

ZIP leaves many bytes to the writer (times, attributes, versions, comments, gaps). Here all of them are fixed: the
headers of a member are a function of name, method, digests, sizes, mode and offset, members follow each other without
gaps, and the directory and its end are a function of the members. A reader rebuilds the headers and compares bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

STORED, DEFLATED = 0, 8
CHUNK = 1 << 20
DAY = 0x21  # 1980-01-01, the first day that ZIP knows
UTF8 = 0x0800
LIMIT32, LIMIT16 = 0xFFFFFFFF, 0xFFFF
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END64, LOCATOR64 = b"PK\x06\x06", b"PK\x06\x07"
LOCAL_SIZE = 30


class Damaged(Exception):
    """The file is not a whole bundle; the message says where."""


@dataclass(frozen=True)
class Member:
    """A file of the container.

    method      STORED or DEFLATED.
    crc         CRC-32 of the content.
    stored      bytes in the container; size  bytes of the content.
    executable  of a launcher.
    offset      of its local header in the container.
    """

    name: str
    method: int
    crc: int
    stored: int
    size: int
    executable: bool
    offset: int

    @property
    def start(self) -> int:
        """Offset of its stored bytes."""
        return self.offset + len(local_header(self))

    @property
    def end(self) -> int:
        """Offset behind its stored bytes."""
        return self.start + self.stored


def local_header(member: Member) -> bytes:
    """Return the bytes in front of a member's content."""
    name, large = member.name.encode(), max(member.stored, member.size) >= LIMIT32
    extra = struct.pack("<HHQQ", 1, 16, member.size, member.stored) if large else b""
    sizes = (LIMIT32, LIMIT32) if large else (member.stored, member.size)
    fields = (45 if large else 20, UTF8, member.method, 0, DAY, member.crc, *sizes, len(name), len(extra))
    return LOCAL + struct.pack("<HHHHHIIIHH", *fields) + name + extra


def central_header(member: Member) -> bytes:
    """Return a member's entry in the directory."""
    name, large = member.name.encode(), max(member.stored, member.size, member.offset) >= LIMIT32
    extra = struct.pack("<HHQQQ", 1, 24, member.size, member.stored, member.offset) if large else b""
    numbers = (LIMIT32,) * 3 if large else (member.stored, member.size, member.offset)
    version = 45 if large else 20
    mode = (0o100755 if member.executable else 0o100644) << 16
    head = (3 << 8 | version, version, UTF8, member.method, 0, DAY, member.crc, *numbers[:2], len(name), len(extra))
    return CENTRAL + struct.pack("<HHHHHHIIIHHHHHII", *head, 0, 0, 0, mode, numbers[2]) + name + extra


def directory_end(count: int, size: int, offset: int) -> bytes:
    """Return the end of the container: number of members, size and offset of the directory."""
    large = count >= LIMIT16 or max(size, offset) >= LIMIT32
    end64 = b""
    if large:
        end64 = END64 + struct.pack("<QHHIIQQQQ", 44, 3 << 8 | 45, 45, 0, 0, count, count, size, offset)
        end64 += LOCATOR64 + struct.pack("<IQI", 0, offset + size, 1)
        count, size, offset = LIMIT16, LIMIT32, LIMIT32
    return end64 + END + struct.pack("<HHHHIIH", 0, 0, count, count, size, offset, 0)


def read_members(path: Path) -> list[Member]:
    """Read the members of a bundle and compare every byte that is not content with what it must be.

    Errors: Damaged for anything else than a canonical container.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        members = list(_directory(file, length))
        at = 0
        for member in members:
            if member.offset != at:
                raise Damaged(f"{member.name} should begin at byte {at}, the directory says {member.offset}")
            file.seek(at)
            header = local_header(member)
            if file.read(len(header)) != header:
                raise Damaged(f"the header of {member.name} at byte {at} differs from its entry in the directory")
            at = member.end
        directory = b"".join(map(central_header, members))
        rest = directory + directory_end(len(members), len(directory), at)
        file.seek(at)
        if at + len(rest) != length or file.read() != rest:
            raise Damaged(f"the directory at byte {at} is not that of these {len(members)} files")
    _require_safe(members)
    return members


def stored_chunks(file: BinaryIO, member: Member) -> Iterator[bytes]:
    """Yield a member's bytes as they are in the container."""
    file.seek(member.start)
    left = member.stored
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise Damaged(f"{member.name} ends early")
        left -= len(chunk)
        yield chunk


def content_chunks(member: Member, stored: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a member's content from its stored bytes. Errors: Damaged where size or checksum differ."""
    size = crc = 0
    inflate = zlib.decompressobj(-15) if member.method == DEFLATED else None
    for chunk in _inflated(member, stored, inflate) if inflate else stored:
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        if size > member.size:
            break
        yield chunk
    if (size, crc) != (member.size, member.crc) or (inflate and (not inflate.eof or inflate.unused_data)):
        raise Damaged(f"{member.name}: size or checksum differ from the directory's")


def read(path: Path, member: Member) -> bytes:
    """Return a member's content."""
    with path.open("rb") as file:
        return b"".join(content_chunks(member, stored_chunks(file, member)))


def _inflated(member: Member, stored: Iterable[bytes], inflate: zlib._Decompress) -> Iterator[bytes]:
    try:
        for chunk in stored:
            while chunk:  # in pieces, so that a damaged member cannot fill the memory
                yield inflate.decompress(chunk, CHUNK)
                chunk = inflate.unconsumed_tail
    except zlib.error as exc:
        raise Damaged(f"{member.name} cannot be decompressed: {exc}") from exc


def _directory(file: BinaryIO, length: int) -> Iterator[Member]:
    """Read the directory, without trusting anything: read_members compares all of it."""
    if length < 22:
        raise Damaged("it is too short for a bundle")
    file.seek(length - 22)
    end = file.read(22)
    if end[:4] != END:
        raise Damaged("its last 22 bytes are not the end of a ZIP file: it was cut off or added to")
    count, size, offset = struct.unpack("<HII", end[10:20])
    if offset == LIMIT32:
        file.seek(max(0, length - 22 - 76))
        record = file.read(76)
        if record[:4] != END64:
            raise Damaged("the end of its directory is damaged")
        count, size, offset = struct.unpack("<QQQ", record[32:56])
    if offset + size > length:
        raise Damaged("its directory lies beyond its end")
    file.seek(offset)
    directory = file.read(size)
    at = 0
    for _ in range(count):
        member, at = _entry(directory, at)
        yield member


def _entry(directory: bytes, at: int) -> tuple[Member, int]:
    try:
        if directory[at : at + 4] != CENTRAL:
            raise Damaged(f"entry {at} of its directory is damaged")
        head = struct.unpack("<HHHHHHIIIHHHHHII", directory[at + 4 : at + 46])
        _, _, _, method, _, _, crc, stored, size, name_size, extra_size, _, _, _, mode, offset = head
        name = directory[at + 46 : at + 46 + name_size].decode()
        extra = directory[at + 46 + name_size : at + 46 + name_size + extra_size]
        if extra:
            size, stored, offset = struct.unpack("<4xQQQ", extra)
    except (struct.error, UnicodeDecodeError) as exc:
        raise Damaged(f"entry {at} of its directory is damaged") from exc
    if method not in (STORED, DEFLATED):
        raise Damaged(f"{name} is packed by an unknown method {method}")
    return Member(name, method, crc, stored, size, bool(mode >> 16 & 0o100), offset), at + 46 + name_size + extra_size


def _require_safe(members: list[Member]) -> None:
    names = [member.name for member in members]
    if len(set(names)) != len(names):
        raise Damaged("a name is in it twice")
    for name in names:
        parts = name.split("/")
        if not name or "\\" in name or ":" in name or "\0" in name or set(parts) & {"", ".", ".."}:
            raise Damaged(f"{name!r} is no name of a file in a bundle")
