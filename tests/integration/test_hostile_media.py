"""Hostile files sent to the real analysis service: it says in one sentence what is wrong, keeps nothing and goes on.

Slow, but it shares the server of the other tests of analysis: what FFmpeg makes of such files shows only there.
"""

from __future__ import annotations

import http.client
import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from posemill.serving.client import Client

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("uploads_gone"),
    pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning"),
]


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(side: int) -> bytes:
    """Black, square, and as small as zeros are when they are packed."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(min(side, 3000) * (1 + 3 * side)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def flipped(whole: bytes) -> bytes:
    """Every thousandth byte is another."""
    broken = bytearray(whole)
    broken[::1000] = bytes(b ^ 0x5A for b in broken[::1000])
    return bytes(broken)


FILES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda whole: b"",
    "noise": lambda whole: bytes(range(256)) * 400,
    "the first half": lambda whole: whole[: len(whole) // 2],
    "without its beginning": lambda whole: whole[1000:],
    "the beginning alone": lambda whole: whole[:40],
    "broken all over": flipped,
    "sizes that are not true": lambda whole: struct.pack(">I", 2**31) + whole[4:],
    "a playlist of local files": lambda whole: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    "a playlist of addresses": lambda whole: b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n",
    "a list of local files": lambda whole: b"ffconcat version 1.0\nfile /etc/passwd\n",
    "a drawing that reads files": lambda whole: (
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>'
    ),
    "an archive": lambda whole: b"PK\x03\x04" + bytes(1000),
    "a picture of a gigapixel": lambda whole: png(40_000),
}


def form(client: Client, route: str, field: str, content: bytes, tail: bytes = b"\r\n--x--\r\n") -> tuple[int, str]:
    """Status and text of the answer to one file."""
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="a.mp4"\r\n\r\n'.encode()
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=120)
    try:
        connection.request("POST", route, head + content + tail, {"Content-Type": "multipart/form-data; boundary=x"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(("route", "field"), [("/analyse_video", "video"), ("/analyse_image", "image")])
@pytest.mark.parametrize("name", FILES)
def test_hostile_files(analysis_client: Client, waving_person: Path, name: str, route: str, field: str) -> None:
    status, text = form(analysis_client, route, field, FILES[name](waving_person.read_bytes()))
    if status == 200:  # what can still be decoded of a broken video may be answered
        assert name in ("the first half", "broken all over", "sizes that are not true")
        return
    assert status in (400, 413, 422), text
    assert list(json.loads(text)) == ["error"]
    assert not re.search(r"Traceback|File \"|site-packages|root:", text)
    assert len(text) < 700
    assert analysis_client.ready()


@pytest.mark.parametrize("tail", [b"", b"\r\n--x", b"\r\n--x\r\nContent-Disposition: form-data\r\n\r\n"])
def test_forms_that_do_not_end(analysis_client: Client, waving_person: Path, tail: bytes) -> None:
    status, text = form(analysis_client, "/analyse_video", "video", waving_person.read_bytes(), tail)
    assert status in (400, 422), text
    assert list(json.loads(text)) == ["error"]


def test_after_all_of_it_people_are_found_as_before(analysis_client: Client, waving_person: Path) -> None:
    assert analysis_client.analyse_video(waving_person).people
