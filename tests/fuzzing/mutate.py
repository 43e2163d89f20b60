"""Mutations of bytes, text and JSON. Same generator state, same mutation."""

from __future__ import annotations

import io
import json
import random
import re
import struct
import tarfile
import zipfile
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

LARGEST = 1 << 20  # bytes of a mutated file
NUMBERS = b"0 -1 1 255 256 65535 65536 2147483647 -2147483648 4294967296 9223372036854775807 1e308 -1e309 NaN".split()
TOKENS = [
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r\n", b'"', b"'", b",", b";", b"{", b"[", b"<", b"&x;", b"../", b"/",
    b"null", b"true", b"{}", b"[]", b"[[", b"__import__", b"=1+1", b"%00", b"\\ud800", b"9" * 400, b"[" * 3000,
    b"<!ENTITY a SYSTEM 'file:///etc/passwd'>", b"cos\nsystem\n(S'true'\ntR.", b"\x80\x04\x8c\x02os\x8c\x06system\x93",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, -1, 0, 2**31, 2**63, 2**70, -(2**40), 0.5, 1e308, float("nan"), float("inf"), "", "x", "\0", "../../x",
    "/etc/passwd", "é\u202e", "<script>", "=1", "x" * 5000, [], {}, [[]], [None], [1, 2, 3], {"a": 1}, {"": []},
]  # fmt: skip


def mutated(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes:
    """Return the content with one to six changes. others: files of the same kind, to be spliced in."""
    if rng.random() < 0.3 and (changed := _json(content, rng)) is not None:
        return changed[:LARGEST]
    if rng.random() < 0.5 and (changed := _structured(content, rng)) is not None:
        return changed[:LARGEST]
    if (changed := _packed(content, rng, others)) is not None:
        return changed[:LARGEST]
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_CHANGES)(data, rng, others)
    return bytes(data[:LARGEST])


def _place(data: bytearray, rng: random.Random) -> int:
    """Beginnings and ends hold headers, so they are hit more often."""
    size = len(data)
    edge = min(size, 64)
    return rng.choice((rng.randrange(size), rng.randrange(edge), size - 1 - rng.randrange(edge))) if size else 0


def _flip(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    if data:
        data[_place(data, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _integer(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    kind = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    largest = 256 ** struct.calcsize(kind) - 1
    value = rng.choice((0, 1, largest, largest // 2, largest // 2 + 1, len(data), rng.randrange(largest + 1)))
    at = _place(data, rng)
    data[at : at + struct.calcsize(kind)] = struct.pack(kind, min(value, largest))


def _number(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    found = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(data[:65536])))
    if found:
        match = rng.choice(found)
        data[match.start() : match.end()] = rng.choice(NUMBERS)


def _delete(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 4, 8, 64, rng.randrange(len(data) + 1)))]


def _double(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at, size = _place(data, rng), rng.choice((1, 4, 16, 256, 4096))
    data[at:at] = data[at : at + size] * rng.choice((1, 2, 50))


def _zeros(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at, size = _place(data, rng), rng.choice((1, 4, 16, 256))
    data[at : at + size] = bytes(size)


def _token(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    at = _place(data, rng)
    data[at : at + rng.choice((0, 0, 1, 4))] = rng.choice(TOKENS)


def _cut(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    del data[_place(data, rng) :]


def _splice(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    other = rng.choice(others) if others else b""
    if other:
        begin = rng.randrange(len(other))
        data[_place(data, rng) :] = other[begin:]


def _lines(data: bytearray, rng: random.Random, others: Sequence[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[a], lines[b] = rng.choice(((lines[b], lines[a]), (lines[b], lines[b]), (b"", lines[b])))
    data[:] = b"\n".join(lines)


_CHANGES = (_flip, _byte, _integer, _number, _number, _delete, _double, _zeros, _token, _cut, _splice, _lines)


def _json(content: bytes, rng: random.Random) -> bytes | None:
    """One value of a JSON document replaced, removed or renamed; None where it is no JSON."""
    if content[:1] not in b"{[" or not content:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    for _ in range(rng.choice((1, 1, 2))):
        document = _changed(document, rng)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _structured(content: bytes, rng: random.Random) -> bytes | None:
    """A pickle or a Parquet file with a value changed, written anew; None where it is neither."""
    try:
        if content[:2] == b"\x80\x04":
            from posemill.formats import unpickle

            return unpickle.dumps(_changed(unpickle.loads(content, "seed"), rng))
        if content[:4] == b"PAR1":
            return _parquet(content, rng)
    except Exception:  # one that was broken before, or cannot be written
        return None
    return None


def _parquet(content: bytes, rng: random.Random) -> bytes:
    """Columns dropped, doubled, renamed, of another type or with other values; metadata changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    at = rng.randrange(len(table.column_names))
    name, rows = table.column_names[at], len(table)
    action = rng.randrange(6)
    if action == 0:
        table = table.drop_columns([name])
    elif action == 1:
        table = table.rename_columns(
            [rng.choice(("", "x", table.column_names[0])) if n == name else n for n in table.column_names]
        )
    elif action == 2:
        value = rng.choice([v for v in VALUES if not isinstance(v, list | dict)])
        values = table.column(at).to_pylist()
        if values:
            values[rng.randrange(len(values))] = value
        table = table.set_column(at, name, pa.array(values))
    elif action == 3:
        table = table.set_column(at, name, pa.array([rng.choice(VALUES[:20])] * rows))
    elif action == 4:
        table = table.slice(rng.randrange(rows + 1), rng.randrange(rows + 1))
    else:
        metadata = {k: mutated(v, rng, []) for k, v in (table.schema.metadata or {}).items()}
        table = table.replace_schema_metadata(metadata)
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _changed(node: Any, rng: random.Random) -> Any:
    while isinstance(node, dict | list) and node and rng.random() < 0.93:
        keys = list(node) if isinstance(node, dict) else range(len(node))
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and rng.random() < 0.85:
            node[key] = _changed(node[key], rng)
            return node
        action = rng.random()
        if action < 0.6:
            node[key] = deepcopy(rng.choice(VALUES))
        elif action < 0.8:
            del node[key]
        elif isinstance(node, dict):
            node[rng.choice(("", "x", f"{key}s"))] = node.pop(key)
        else:
            node.append(node[key])
        return node
    return deepcopy(rng.choice(VALUES))


def _packed(content: bytes, rng: random.Random, others: Sequence[bytes]) -> bytes | None:
    """An archive with one member mutated and its checksums right: else only the checksum would be tried."""
    if rng.random() < 0.25:
        return None
    try:
        if content[:2] == b"PK":
            return _zip(content, rng)
        if content[:2] == b"\x1f\x8b":
            return _tar(content, rng)
    except Exception:  # one that was broken before
        return None
    return None


def _zip(content: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        chosen = rng.choice(names)
        for name in names:
            member = source.read(name)
            target.writestr(name, mutated(member, rng, []) if name == chosen else member)
    return out.getvalue()


def _tar(content: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(content)) as source, tarfile.open(fileobj=out, mode="w:gz") as target:
        members = [member for member in source.getmembers() if member.isfile()]
        chosen = rng.choice(members)
        for member in members:
            file = source.extractfile(member)
            data = file.read() if file else b""
            data = mutated(data, rng, []) if member is chosen else data
            info = tarfile.TarInfo(member.name)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return out.getvalue()
