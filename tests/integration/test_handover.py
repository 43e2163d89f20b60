"""A finished workspace is handed over, verified by Python alone, and reproduced, by the commands that a user types.

Slow (two minutes): the graph is run by DVC with the real stages, since a bundle is about what they leave behind.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyrage
import pytest

from moving_bodies import ACTIVITIES, FPS, body, flat
from posemill.encryption import decrypt
from posemill.handover.unpack import sha256
from posemill.handover.verifier.contents import Contents
from posemill.handover.verifier.files import changed_files, check_signature
from posemill.pose.skeleton import COCO_17
from posemill.stages.workspace import STAGES
from posemill.store.embedded import EmbeddedServer
from server_statement import fresh_database
from small_demo import clone

pytestmark = pytest.mark.slow

PEOPLE = 14
NETWORK = {"tcn": {"width": 16, "dilations": [1, 2]}}
GATES = {"min_accuracy": 0.1, "min_macro_f1": 0.1, "min_class_recall": None, "max_ece": None, "min_clips": 2}
PARAMS = {stage: {} for stage in STAGES} | {
    "prepare": {
        "window": {"duration_s": 1.0, "stride_s": 0.5, "rate_hz": 12.0},
        "split": {"validation": 0.2, "test": 0.3},
    },
    "train": {"epochs": 4, "min_windows_per_epoch": 200, "hyper": NETWORK},
    "evaluate": {"network": "build/train", "gates": GATES},
}
CHECKS = ["container", "signature", "digests", "files", "SBOM", "licences", "lineage"]


@dataclass(frozen=True)
class Handed:
    """What was handed over: the workspace, the encrypted bundle, its decrypted copy, what the command said."""

    root: Path
    env: Mapping[str, str]
    encrypted: Path
    plain: Path
    said: Mapping[str, object]
    identity: Path

    def run(self, *arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        return posemill(folder or self.root, self.env, *arguments)


def posemill(folder: Path, env: Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posemill", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=dict(env), capture_output=True, text=True)


@pytest.fixture(scope="module")
def database(postgres_server: EmbeddedServer) -> Iterator[str]:
    with fresh_database(str(postgres_server.url()), "handed_over") as url:
        yield url


@pytest.fixture(scope="module")
def handed(database: str, tmp_path_factory: pytest.TempPathFactory) -> Handed:
    """Keypoints of people who move a hand, imported, through the whole graph by `dvc repro`, and handed over."""
    workspace = clone(tmp_path_factory.mktemp("handed") / "workspace", PARAMS, database)
    root, env = workspace.root, workspace.env
    pickled, names = sequences(root.parent)
    done = posemill(
        root,
        env,
        "import",
        "pyskl",
        pickled,
        "--classes",
        names,
        "--subject",
        r"(P\d+)",
        "--fps",
        FPS,
        "--dataset",
        "hands",
    )
    assert done.returncode == 0, done.stderr
    repro = subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=root, env=env, capture_output=True, text=True)
    assert repro.returncode == 0, repro.stdout + repro.stderr
    identity = pyrage.x25519.Identity.generate()
    file = root.parent / "identity.txt"
    file.write_text(f"# made for a test\n{identity}\n")
    encrypted, plain = root.parent / "out.posemill", root.parent / "plain.posemill"
    command = (
        "handover",
        encrypted,
        "--media",
        "hands",
        "--data-licence",
        "hands=CC0-1.0",
        "--recipient",
        identity.to_public(),
        "--json",
    )
    done = posemill(root, env, *command)
    assert done.returncode == 0, done.stderr
    decrypt(encrypted, plain, file)
    return Handed(root, env, encrypted, plain, json.loads(done.stdout), file)


def sequences(folder: Path) -> tuple[Path, Path]:
    """An annotation file of PYSKL: everybody moves a hand in each of the ways."""
    rows = []
    for person in range(PEOPLE):
        for label, activity in enumerate(ACTIVITIES):
            keypoint = flat(body(COCO_17, person, activity, 60)).astype("float32")[None]
            score = (keypoint[..., 0] * 0 + 1).astype("float32")
            row = {
                "frame_dir": f"P{person:02d}-{activity}",
                "total_frames": 60,
                "img_shape": (480, 640),
                "label": label,
            }
            rows.append(row | {"keypoint": keypoint, "keypoint_score": score})
    (folder / "set.pkl").write_bytes(
        pickle.dumps({"annotations": rows, "split": {"all": [r["frame_dir"] for r in rows]}})
    )
    (folder / "classes.txt").write_text("\n".join(ACTIVITIES) + "\n")
    return folder / "set.pkl", folder / "classes.txt"


def test_the_encrypted_bundle_is_verified_with_the_identity_only(handed: Handed, tmp_path: Path) -> None:
    done = handed.run("verify", handed.encrypted, "--identity", handed.identity, "--json", folder=tmp_path)
    outcome = json.loads(done.stdout)
    assert (done.returncode, [check["name"] for check in outcome["checks"]]) == (0, CHECKS), done.stdout + done.stderr
    without = handed.run("verify", handed.encrypted, folder=tmp_path)
    assert (without.returncode, "--identity" in without.stderr) == (1, True)
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    wrong = handed.run("verify", handed.encrypted, "--identity", other, folder=tmp_path)
    assert (wrong.returncode, "cannot be decrypted" in wrong.stderr) == (1, True)


def test_python_alone_verifies_it_in_an_empty_folder(handed: Handed, tmp_path: Path) -> None:
    fingerprint = str(handed.said["fingerprint"])
    command = [sys.executable, "-I", "-S", str(handed.plain), "--fingerprint", fingerprint]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("ok  "), done.stderr) == (0, len(CHECKS), "")
    assert "by the expected key" in done.stdout


def test_every_file_that_is_changed_is_named(handed: Handed, tmp_path: Path) -> None:
    contents, changed = Contents.of(handed.plain), tmp_path / "changed.posemill"
    shutil.copy(handed.plain, changed)
    names = [
        n
        for n, m in contents.members.items()
        if m.stored and n not in ("manifest.json", "model.sig", "signing-key.pub")
    ]
    with changed.open("r+b") as file:
        for number, name in enumerate(names):
            member = contents.members[name]
            at = member.start + number * 7919 % member.stored
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << number % 8]))
    damaged = Contents.of(changed)
    _, signed = check_signature(damaged, None)
    assert signed is not None
    faults = changed_files(damaged, signed)
    assert [name for name in names if not any(fault.startswith(name) for fault in faults)] == []


def test_its_accuracy_is_reproduced_clip_by_clip_and_by_training_again(handed: Handed, tmp_path: Path) -> None:
    done = handed.run("reproduce", handed.plain, "--retrain", "--json", folder=tmp_path)
    outcome = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((handed.root / "build" / "evaluate" / "metrics.json").read_text())
    assert outcome["accuracy"] == outcome["stated"] == metrics["accuracy"]
    assert (outcome["clips"], outcome["different"]) == (metrics["clips"], [])
    assert [step["name"] for step in outcome["steps"]] == ["windows", "verdicts", "retraining"]
    assert metrics["accuracy_low"] <= outcome["retrained"] <= metrics["accuracy_high"]
    assert list(tmp_path.iterdir()) == []


def test_media_are_in_it_by_digest_and_names_of_files_are_not(handed: Handed) -> None:
    contents = Contents.of(handed.plain)
    media = {row["medium"] for row in csv.DictReader(io.StringIO(contents.read("lineage/media.csv").decode()))}
    assert {name.removeprefix("media/") for name in contents.under("media/")} == media
    assert all(contents.digests[f"media/{medium}"].sha256 == medium for medium in media)
    assert b"set.pkl" not in contents.read("lineage/media.csv")


def test_the_private_key_stays_where_it_is(handed: Handed) -> None:
    key = handed.root / ".posemill" / "keys" / "handover.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    private = sha256(key)
    assert private not in {digests.sha256 for digests in Contents.of(handed.plain).digests.values()}


def test_documents_and_exports_are_in_it(handed: Handed) -> None:
    contents = Contents.of(handed.plain)
    page = contents.read("documents/index.html").decode()
    accuracy = json.loads((handed.root / "build" / "evaluate" / "metrics.json").read_text())["accuracy"]
    assert f"{accuracy:.3f}" in page
    assert str(handed.said["fingerprint"]) in page
    assert "openpifpaf, then movenet in a crop of each person" in page
    assert contents.read("documents/documentation.pdf").startswith(b"%PDF")
    for name in ("edge/edge.json", "browser/index.html", "models/activity.onnx", "models/network.safetensors"):
        assert name in contents.members
    assert contents.members["edge/posemill-edge"].executable
    assert handed.said["left_out"] == {}


def test_bills_of_materials_are_valid_and_name_the_licence_of_the_data(handed: Handed) -> None:
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    contents, validator = Contents.of(handed.plain), JsonStrictValidator(SchemaVersion.V1_6)
    for name in ("sbom/sbom.cdx.json", "sbom/ml-bom.cdx.json"):
        assert validator.validate_str(contents.read(name).decode()) is None
    data = [c for c in contents.json("sbom/ml-bom.cdx.json")["components"] if c["type"] == "data"]
    assert [(c["name"], c["licenses"][0]["license"]["id"]) for c in data] == [("hands", "CC0-1.0")]
    assert contents.json("licences/licences.json")["datasets"] == {"hands": "CC0-1.0"}


def test_media_whose_licence_nobody_stated_stay_where_they_are(handed: Handed, tmp_path: Path) -> None:
    done = handed.run("handover", tmp_path / "x.posemill", "--media", "all")
    assert (done.returncode, '--data-licence "hands=' in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_changed_after_its_last_run_is_refused(handed: Handed, tmp_path: Path) -> None:
    other = tmp_path / "workspace"
    shutil.copytree(handed.root, other, ignore=shutil.ignore_patterns(".posemill", ".dvc", "bin"))
    classes = other / "build" / "prepare" / "classes.json"
    classes.write_text(classes.read_text() + " ")
    env = {**handed.env, "POSEMILL_WORKSPACE": str(other), "POSEMILL_HOME": str(handed.root / ".posemill")}
    done = posemill(other, env, "handover", tmp_path / "x.posemill")
    assert done.returncode == 1
    assert "build/prepare/classes.json is not what stage train read" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["workspace"]


def test_an_unfinished_workspace_is_refused_in_one_sentence(handed: Handed, tmp_path: Path) -> None:
    env = {**handed.env, "POSEMILL_WORKSPACE": str(tmp_path)}
    done = posemill(tmp_path, env, "handover", "out.posemill")
    assert done.returncode == 1
    assert "dvc repro" in done.stderr
    assert not (tmp_path / "out.posemill").exists()
