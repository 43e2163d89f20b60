"""The commands around bundles: keys, verification and encryption, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner, Result

from posemill.cli.main import cli
from posemill.encryption import decrypt, encrypt
from posemill.errors import InputError
from posemill.handover.keys import load_key
from small_bundle import small_bundle


def ask(*arguments: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], input=typed)


def test_a_key_pair_is_made_once_and_its_fingerprint_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
    made = ask("keys", "generate")
    path = tmp_path / ".posemill" / "keys" / "handover.pem"
    assert made.stdout.strip() == load_key(path).fingerprint
    assert isinstance(ask("keys", "generate").exception, InputError)
    protected = ask("keys", "generate", "--out", tmp_path / "p.pem", "--passphrase", typed="secret\nsecret\n")
    assert protected.exit_code == 0
    assert load_key(tmp_path / "p.pem", b"secret").fingerprint in protected.stdout


def test_verify_says_a_line_a_check_and_ends_with_0_or_1(tmp_path: Path) -> None:
    path, key = small_bundle(tmp_path)
    public = tmp_path / "key.pub"
    good = ask("verify", path, "--key", public)
    assert (good.exit_code, good.stdout.count("ok  ")) == (0, 7)
    assert ask("verify", path, "--fingerprint", key.fingerprint.upper()).exit_code == 0
    other = ask("verify", path, "--fingerprint", "0" * 64, "--json")
    assert (other.exit_code, json.loads(other.stdout)["passed"]) == (1, False)
    assert isinstance(ask("verify", tmp_path / "none").exception, InputError)


def test_each_recipient_alone_can_read_it(tmp_path: Path) -> None:
    path, _ = small_bundle(tmp_path)
    people = [pyrage.x25519.Identity.generate() for _ in range(3)]
    files = [tmp_path / f"{i}.txt" for i in range(3)]
    for file, person in zip(files, people, strict=True):
        file.write_text(f"# created: today\n# public key: {person.to_public()}\n{person}\n")
    encrypt(path, tmp_path / "secret", [str(p.to_public()) for p in people[:2]])
    for file in files[:2]:
        assert ask("verify", tmp_path / "secret", "--identity", file).exit_code == 0
        decrypt(tmp_path / "secret", tmp_path / "plain", file)
        assert (tmp_path / "plain").read_bytes() == path.read_bytes()
    with pytest.raises(InputError, match="cannot be decrypted"):
        decrypt(tmp_path / "secret", tmp_path / "plain", files[2])
    assert isinstance(ask("verify", tmp_path / "secret").exception, InputError)
    changed = bytearray((tmp_path / "secret").read_bytes())
    changed[-20] ^= 1
    (tmp_path / "secret").write_bytes(changed)
    with pytest.raises(InputError, match="cannot be decrypted"):
        decrypt(tmp_path / "secret", tmp_path / "plain", files[0])
    assert not (tmp_path / "plain").exists()


@pytest.mark.parametrize("recipient", ["age1x", "me@example.org", "", "ssh-rsa x"])
def test_a_recipient_that_is_none_is_named(recipient: str, tmp_path: Path) -> None:
    path, _ = small_bundle(tmp_path)
    with pytest.raises(InputError, match="a recipient is age1"):
        encrypt(path, tmp_path / "secret", [recipient])


@pytest.mark.parametrize("content", ["", "not a key\n", "AGE-SECRET-KEY-1WRONG\n"])
def test_a_file_without_an_identity_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "identity").write_text(content)
    (tmp_path / "secret").write_bytes(b"age-encryption.org/v1\n")
    with pytest.raises(InputError, match=r"identit|AGE-SECRET-KEY"):
        decrypt(tmp_path / "secret", tmp_path / "plain", tmp_path / "identity")


@pytest.mark.parametrize("said", ["gym", "=text", "gym="])
def test_a_licence_of_data_has_a_name_and_a_text(said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(tmp_path))
    refused = ask("handover", tmp_path / "x.posemill", "--data-licence", said)
    assert (refused.exit_code, "DATASET=TEXT" in refused.output) == (2, True)
