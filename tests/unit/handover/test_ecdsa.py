"""The plain-Python verification of ECDSA P-256 agrees with `cryptography` and with model-signing, the reference."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.errors import InputError
from posemill.handover.keys import generate_key, is_protected, load_key
from posemill.handover.unpack import unpack
from posemill.handover.verifier import ecdsa
from small_bundle import small_bundle

KEYS = [ec.derive_private_key(number, ec.SECP256R1()) for number in (1, 2, 2**200 + 12345, ecdsa.N - 1)]
# The public key of RFC 6979 A.2.5 (P-256), and its signature with SHA-256 of "sample"
RFC_KEY = (
    0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
    0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
)
RFC_R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
RFC_S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def accepted(key: ec.EllipticCurvePrivateKey, message: bytes, signature: bytes) -> bool:
    try:
        key.public_key().verify(signature, message, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def test_the_standard_example_verifies() -> None:
    signature = utils.encode_dss_signature(RFC_R, RFC_S)
    assert ecdsa.verify(RFC_KEY, b"sample", signature)
    assert not ecdsa.verify(RFC_KEY, b"Sample", signature)
    assert not ecdsa.verify(RFC_KEY, b"sample", utils.encode_dss_signature(RFC_R, RFC_S - 1))


@given(st.sampled_from(KEYS), st.binary(max_size=100))
@settings(max_examples=40, deadline=None)
def test_signatures_of_cryptography_verify(key: ec.EllipticCurvePrivateKey, message: bytes) -> None:
    point = ecdsa.parse_public_key(pem(key))
    assert ecdsa.encode_public_key(point) == pem(key)
    signature = key.sign(message, ec.ECDSA(SHA256()))
    assert ecdsa.verify(point, message, signature)
    assert not ecdsa.verify(point, message + b"x", signature)


def test_every_flipped_bit_of_a_signature_is_refused_by_both() -> None:
    key = KEYS[2]
    point, signature = ecdsa.parse_public_key(pem(key)), key.sign(b"message", ec.ECDSA(SHA256()))
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert ecdsa.verify(point, b"message", bytes(changed)) == accepted(key, b"message", bytes(changed)) is False


@pytest.mark.parametrize(
    ("r", "s"), [(0, 1), (1, 0), (ecdsa.N, 1), (1, ecdsa.N), (ecdsa.N + 1, ecdsa.N + 1), (1, 1), (0, 0)]
)
def test_numbers_outside_the_group_are_refused(r: int, s: int) -> None:
    assert not ecdsa.verify(ecdsa.parse_public_key(pem(KEYS[0])), b"", utils.encode_dss_signature(r, s))


def test_signatures_that_are_no_strict_der_are_refused() -> None:
    key = KEYS[1]
    point, good = ecdsa.parse_public_key(pem(key)), key.sign(b"", ec.ECDSA(SHA256()))
    for bad in (b"", good[:-1], good + b"\0", b"\x30\x81" + good[1:], good[:2] + b"\x03" + good[3:]):
        assert not ecdsa.verify(point, b"", bad)


def test_other_keys_are_refused_in_one_sentence() -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    for text in (pem(other), b"", b"x", pem(KEYS[0])[:-1], pem(KEYS[0]).replace(b"\n", b"\r\n")):
        with pytest.raises(ValueError, match=r"public key|padding|base64|Base64|expected"):
            ecdsa.parse_public_key(text)


def test_a_point_off_the_curve_is_refused() -> None:
    x, y = ecdsa.G
    with pytest.raises(ValueError, match="no point"):
        ecdsa.parse_public_key(ecdsa.encode_public_key((x, y ^ 1)))


def test_a_bundle_verifies_with_the_reference_implementation(tmp_path: Path) -> None:
    """`model_signing verify key` of OpenSSF on the unpacked bundle; it also notices a changed and an added file."""
    if importlib.util.find_spec("model_signing") is None or importlib.util.find_spec("OpenSSL") is None:
        pytest.skip("model-signing is not installed")
    path, _ = small_bundle(tmp_path)
    folder = tmp_path / "unpacked"
    unpack(path, folder)

    def run() -> int:
        command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
        command += ["--signature", str(folder / "model.sig"), "--public_key", str(folder / "signing-key.pub")]
        return subprocess.run(command, capture_output=True).returncode

    assert run() == 0
    (folder / "added").write_text("")
    assert run() != 0
    (folder / "added").unlink()
    (folder / "models" / "activity.onnx").write_bytes(b"other")
    assert run() != 0


def test_signatures_of_the_reference_implementation_verify(tmp_path: Path) -> None:
    """Its envelope has its own spacing, so the parts are compared, not the file."""
    if importlib.util.find_spec("model_signing") is None or importlib.util.find_spec("OpenSSL") is None:
        pytest.skip("model-signing is not installed")
    import base64
    import json

    from posemill.handover.verifier.signature import pae

    key = generate_key(tmp_path / "key.pem")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "a").write_text("a")
    command = [sys.executable, "-m", "model_signing", "sign", "key", str(tmp_path / "model")]
    command += ["--signature", str(tmp_path / "sig"), "--private_key", str(tmp_path / "key.pem")]
    subprocess.run(command, check=True, capture_output=True)
    content = json.loads((tmp_path / "sig").read_text())
    envelope = content["dsseEnvelope"]
    payload, signature = (base64.b64decode(t) for t in (envelope["payload"], envelope["signatures"][0]["sig"]))
    assert ecdsa.verify(ecdsa.parse_public_key(key.public_pem), pae(payload), signature)
    assert content["verificationMaterial"]["publicKey"]["hint"] == key.fingerprint


def test_private_keys_are_kept_for_their_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "a.pem"
    made = generate_key(path, b"secret")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_suffix(".pub").read_bytes() == made.public_pem
    assert is_protected(path)
    assert load_key(path, b"secret").fingerprint == made.fingerprint
    for passphrase in (b"wrong", None):
        with pytest.raises(InputError, match="passphrase"):
            load_key(path, passphrase)
    with pytest.raises(InputError, match="there already"):
        generate_key(path)
    with pytest.raises(InputError, match="posemill keys generate"):
        load_key(tmp_path / "none.pem")
