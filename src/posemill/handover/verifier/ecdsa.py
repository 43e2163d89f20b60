"""ECDSA over P-256 with SHA-256 (FIPS 186-5), verification only, in plain Python: a verifier needs no package.

Verification handles no secret, so constant time is not needed. Signing is done with `cryptography`.
"""

from __future__ import annotations

import base64
import hashlib

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
# SubjectPublicKeyInfo of an uncompressed point on P-256, up to its coordinates
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04")
BEGIN, END = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
Point = tuple[int, int]
_Jacobian = tuple[int, int, int]


def parse_public_key(pem: bytes) -> Point:
    """Read a public key in PEM, in the one form that `encode_public_key` writes.

    Errors: ValueError for anything else, or for a point that is not on the curve.
    """
    lines = pem.decode("ascii").split("\n")
    if len(lines) < 4 or lines[0] != BEGIN or lines[-2:] != [END, ""]:
        raise ValueError("a public key in PEM was expected")
    der = base64.b64decode("".join(lines[1:-2]), validate=True)
    if len(der) != len(SPKI) + 64 or not der.startswith(SPKI):
        raise ValueError("a public key of an elliptic curve P-256 was expected")
    x, y = int.from_bytes(der[-64:-32], "big"), int.from_bytes(der[-32:], "big")
    if not (x < P and y < P and (y * y - x * x * x + 3 * x - B) % P == 0):
        raise ValueError("the public key is no point on the curve P-256")
    if encode_public_key((x, y)) != pem:
        raise ValueError("the public key is not written in its usual form")
    return x, y


def encode_public_key(key: Point) -> bytes:
    """Return a public key in PEM, as every tool writes it."""
    text = base64.b64encode(SPKI + key[0].to_bytes(32, "big") + key[1].to_bytes(32, "big")).decode()
    return "\n".join([BEGIN, *(text[i : i + 64] for i in range(0, len(text), 64)), END, ""]).encode()


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a public key in PEM, hex: the hint in signatures of OpenSSF model signing."""
    return hashlib.sha256(pem).hexdigest()


def verify(key: Point, message: bytes, signature: bytes) -> bool:
    """True if `signature` (DER) is one of the key's over the SHA-256 of the message."""
    numbers = _parse_signature(signature)
    if numbers is None:
        return False
    r, s = numbers
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, N)
    point = _add(_times(digest * inverse % N, G), _times(r * inverse % N, key))
    if point[2] == 0:
        return False
    return point[0] * pow(point[2], -2, P) % P % N == r


def _parse_signature(der: bytes) -> tuple[int, int] | None:
    """Two integers in strict DER: SEQUENCE { r INTEGER, s INTEGER }."""
    if len(der) < 8 or der[0] != 0x30 or der[1] != len(der) - 2 or der[1] > 127:
        return None
    numbers, at = [], 2
    for _ in range(2):
        if at + 2 > len(der) or der[at] != 2:
            return None
        part = der[at + 2 : at + 2 + der[at + 1]]
        if len(part) != der[at + 1] or not part or part[0] > 127 or (len(part) > 1 and not part[0] and part[1] < 128):
            return None
        numbers.append(int.from_bytes(part, "big"))
        at += 2 + len(part)
    return (numbers[0], numbers[1]) if at == len(der) else None


def _times(factor: int, point: Point) -> _Jacobian:
    total, step = (0, 1, 0), (*point, 1)
    while factor:
        if factor & 1:
            total = _add(total, step)
        step, factor = _double(step), factor >> 1
    return total


def _add(a: _Jacobian, b: _Jacobian) -> _Jacobian:
    if not a[2]:
        return b
    if not b[2]:
        return a
    za, zb = a[2] * a[2] % P, b[2] * b[2] % P
    xa, xb = a[0] * zb % P, b[0] * za % P
    ya, yb = a[1] * zb * b[2] % P, b[1] * za * a[2] % P
    if xa == xb:
        return _double(a) if ya == yb else (0, 1, 0)
    h, r = (xb - xa) % P, (yb - ya) % P
    h2 = h * h % P
    h3, v = h * h2 % P, xa * h2 % P
    x = (r * r - h3 - 2 * v) % P
    return x, (r * (v - x) - ya * h3) % P, h * a[2] * b[2] % P


def _double(a: _Jacobian) -> _Jacobian:
    x, y, z = a
    if not z or not y:
        return 0, 1, 0
    y2, z2 = y * y % P, z * z % P
    s, m = 4 * x * y2 % P, 3 * (x - z2) * (x + z2) % P
    new = (m * m - 2 * s) % P
    return new, (m * (s - new) - 8 * y2 * y2) % P, 2 * y * z % P
