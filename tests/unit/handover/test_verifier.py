"""A bundle that was changed in any byte, or in its list of files, does not verify."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.handover.keys import SigningKey, generate_key
from posemill.handover.verifier.contents import Contents
from posemill.handover.verifier.files import changed_files, check_signature
from posemill.handover.verifier.main import main, report, verify
from small_bundle import sealed, small_bundle, small_folder

VERIFIER = Path(sys.modules["posemill.handover.verifier.main"].__file__ or "").parent
NAMES = ["container", "signature", "digests", "files", "SBOM", "licences", "lineage"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SigningKey]:
    return small_bundle(tmp_path_factory.mktemp("bundle"))


def failed(path: Path) -> list[str]:
    return [check.name for check in verify(path) if not check.passed]


def resealed(folder: Path, tmp_path: Path) -> list[str]:
    """Names of the checks that fail after the folder was signed again by somebody who has a key."""
    return failed(sealed(folder, tmp_path / "again.posemill", generate_key(tmp_path / "other.pem")))


def test_an_unchanged_bundle_passes_every_check(bundle: tuple[Path, SigningKey]) -> None:
    path, key = bundle
    checks = verify(path, key.fingerprint)
    assert [check.name for check in checks] == NAMES
    assert all(check.passed for check in checks), report(checks)
    assert "accuracy 0.5000 is 1 of 2 test clips" in checks[-1].says


def test_a_flipped_bit_of_any_byte_is_found(bundle: tuple[Path, SigningKey], tmp_path: Path) -> None:
    """All bytes: headers, directory, content, manifest, signature and key."""
    path, _ = bundle
    content = bytearray(path.read_bytes())
    changed = tmp_path / "changed.posemill"
    unnoticed = []
    for at in range(len(content)):
        bit = 1 << at % 8
        content[at] ^= bit
        changed.write_bytes(content)
        content[at] ^= bit
        if not failed(changed):
            unnoticed.append(at)
    assert unnoticed == []


@given(st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=20), st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_whatever_is_changed_ends_in_a_check_that_failed(
    bundle: tuple[Path, SigningKey], changes: list[tuple[int, int]], cut: int
) -> None:
    """Many bytes at once, in the directory too: never an exception, never a pass."""
    content = bytearray(bundle[0].read_bytes())
    before = bytes(content)
    for at, bits in changes:
        content[-1 - at % len(content) if at % 2 else at % len(content)] ^= bits
    del content[len(content) - cut :]
    changed = bundle[0].with_name("fuzzed.posemill")
    changed.write_bytes(content)
    assert bool(failed(changed)) == (bytes(content) != before)


def test_every_changed_file_is_named(bundle: tuple[Path, SigningKey], tmp_path: Path) -> None:
    path, _ = bundle
    content, members = bytearray(path.read_bytes()), Contents.of(path).members
    for name, member in members.items():
        if name not in ("model.sig", "signing-key.pub", "manifest.json"):
            content[member.start + member.stored // 2] ^= 4
    changed = tmp_path / "changed.posemill"
    changed.write_bytes(content)
    contents = Contents.of(changed)
    _, signed = check_signature(contents, None)
    assert signed is not None
    assert len(changed_files(contents, signed)) == len(members) - 3


def test_bytes_before_between_and_after_are_found(bundle: tuple[Path, SigningKey], tmp_path: Path) -> None:
    path, _ = bundle
    content, changed = path.read_bytes(), tmp_path / "changed.posemill"
    for damaged in (b"#!" + content, content + b"\0", content[:-1], content[: len(content) // 2], b""):
        changed.write_bytes(damaged)
        assert failed(changed) == ["container"]
    shutil.copy(path, changed)
    with zipfile.ZipFile(changed, "a") as archive:
        archive.comment = b"hello"
    assert failed(changed) == ["container"]


def test_added_and_missing_files_are_found(bundle: tuple[Path, SigningKey], tmp_path: Path) -> None:
    """Containers that are canonical, and whose signature is about other files."""
    path, key = bundle
    signature = Contents.of(path).read("model.sig")
    folder = small_folder(tmp_path / "folder")
    (folder / "signing-key.pub").write_bytes(key.public_pem)
    from posemill.handover.archive import write_bundle

    def said(change: str) -> str:
        write_bundle(
            folder, tmp_path / change, json.loads(Contents.of(path).read("manifest.json")), lambda _: signature
        )
        return report(verify(tmp_path / change))

    (folder / "models" / "extra.onnx").write_bytes(b"x")
    assert "models/extra.onnx was added" in said("added")
    (folder / "models" / "extra.onnx").unlink()
    (folder / "models" / "activity.onnx").unlink()
    assert "models/activity.onnx is missing" in said("missing")


def test_the_key_that_should_have_signed_is_compared(bundle: tuple[Path, SigningKey], tmp_path: Path) -> None:
    path, _ = bundle
    other = generate_key(tmp_path / "other.pem")
    assert [check.name for check in verify(path, other.fingerprint) if not check.passed] == ["signature"]


@pytest.mark.parametrize(
    ("name", "old", "new", "check"),
    [
        ("requirements.lock", "numpy==2.4.6", "numpy==2.4.7", "SBOM"),
        ("sbom/ml-bom.cdx.json", "machine-learning-model", "library", "SBOM"),
        ("sbom/ml-bom.cdx.json", '"content": "', '"content": "0', "SBOM"),
        ("licences/licences.json", '"models/"', '"modules/"', "licences"),
        ("licences/licences.json", "permissive", "network copyleft", "licences"),
        ("licences/licences.json", '"verdict": "may be sold"', '"verdict": ""', "licences"),
        ("models/activity.onnx", "network", "Network", "lineage"),
        ("workspace/build/prepare/windows.npy", "windows", "Windows", "lineage"),
        ("lineage/graph.json", '"deps": [{"path": "build/prepare/', '"deps": [{"path": "build/other/', "lineage"),
        ("lineage/media.csv", "m2", "m3", "lineage"),
        ("lineage/code.json", '"same_modules": true', '"same_modules": false', "lineage"),
        ("lineage/clips.csv", "test", "train", "lineage"),
        ("lineage/verdicts.csv", "3,m2,squat,wave", "3,m2,squat,squat", "lineage"),
        ("lineage/graph.json", "{", "[", "lineage"),
    ],
)
def test_what_is_inconsistent_is_found_whoever_signed_it(
    name: str, old: str, new: str, check: str, tmp_path: Path
) -> None:
    folder = small_folder(tmp_path / "folder")
    content = (folder / name).read_text()
    assert old in content
    (folder / name).write_text(content.replace(old, new))
    assert check in resealed(folder, tmp_path)


@pytest.mark.parametrize("python", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_a_bundle_verifies_itself_with_python_alone(python: str, tmp_path: Path) -> None:
    """No site packages, no environment, an empty folder."""
    program = shutil.which(f"python{python}")
    if program is None or subprocess.run([program, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"there is no Python {python} here")
    from posemill.handover.build import MAIN

    folder = small_folder(tmp_path / "folder")
    shutil.copytree(VERIFIER, folder / "verifier", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "__main__.py").write_text(MAIN)
    licences = json.loads((folder / "licences/licences.json").read_text())
    licences["files"] |= {"verifier/": "Apache-2.0", "__main__.py": "Apache-2.0"}
    (folder / "licences/licences.json").write_text(json.dumps(licences))
    key = generate_key(tmp_path / "key.pem")
    path = sealed(folder, tmp_path / "own.posemill", key)
    (tmp_path / "empty").mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [program, "-I", "-S", str(path), *arguments]
        return subprocess.run(command, cwd=tmp_path / "empty", env={}, capture_output=True, text=True)

    good = run("--fingerprint", key.fingerprint)
    assert (good.returncode, good.stderr, good.stdout.count("ok  ")) == (0, "", len(NAMES))
    assert run("--fingerprint", "0" * 64, "--unpack", "bad").returncode == 1
    assert run("--unpack", "unpacked").returncode == 0
    assert [path.name for path in (tmp_path / "empty").iterdir()] == ["unpacked"]
    assert (tmp_path / "empty" / "unpacked" / "requirements.lock").is_file()
    assert run("--unpack", "unpacked").returncode == 2  # never into a folder that has something
    damaged = bytearray(path.read_bytes())
    damaged[Contents.of(path).members["models/activity.onnx"].start] ^= 1
    (tmp_path / "damaged.posemill").write_bytes(damaged)
    bad = run(str(tmp_path / "damaged.posemill"), "--json")  # by the verifier of a bundle that is trusted
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["passed"] is False


def test_an_encrypted_bundle_is_named_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.posemill"
    path.write_bytes(b"age-encryption.org/v1\n")
    assert main([str(path)], "") == 1
    assert "encrypted" in capsys.readouterr().out
