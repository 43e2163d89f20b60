"""The smallest bundle that verifies: two stages, one model, three clips, a locked package, signed with a fresh key."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

from posemill.handover.archive import write_bundle
from posemill.handover.keys import SigningKey, generate_key
from posemill.handover.verifier.signature import PUBLIC_KEY

LOCK = "numpy==2.4.6 \\\n    --hash=sha256:" + "ab" * 32 + "\n"
CLIPS = [("1", "m1", "train", "wave"), ("2", "m2", "test", "wave"), ("3", "m2", "test", "squat")]
VERDICTS = [("2", "m2", "wave", "wave"), ("3", "m2", "squat", "wave")]
ABOUT = {"name": "small", "made_at": "2026-11-30T12:00:00+00:00", "posemill": "0.1.0"}


def small_folder(folder: Path) -> Path:
    """Write the files of the bundle, all but key, manifest and signature."""
    metrics = {"accuracy": 0.5, "clips": 2, "accuracy_low": 0.1, "accuracy_high": 0.9}
    _write(folder, "workspace/build/prepare/windows.npy", b"windows " * 40)
    _write(folder, "workspace/build/evaluate/metrics.json", json.dumps(metrics).encode())
    _write(folder, "models/activity.onnx", b"network " * 40)
    digests = {"model": _sha256(folder / "models/activity.onnx"), "code": None}
    _json(folder, "models/digests.json", digests)
    windows, judged = "build/prepare/windows.npy", "build/evaluate/metrics.json"
    graph = {
        "stages": [
            {"name": "prepare", "deps": [], "outs": [_entry(folder, windows)]},
            {"name": "evaluate", "deps": [_entry(folder, windows)], "outs": [_entry(folder, judged)]},
        ],
        "package": {"model": "models/activity.onnx"},
    }
    _json(folder, "lineage/graph.json", graph)
    _json(folder, "lineage/code.json", {"commit": None, "commit_object": None, "same_modules": True})
    _csv(folder, "lineage/clips.csv", ("clip", "medium", "split", "activity"), CLIPS)
    _csv(folder, "lineage/media.csv", ("medium",), [("m1",), ("m2",)])
    _csv(folder, "lineage/verdicts.csv", ("clip", "medium", "activity", "predicted"), VERDICTS)
    _write(folder, "requirements.lock", LOCK.encode())
    library = {"type": "library", "name": "numpy", "version": "2.4.6"}
    _json(folder, "sbom/sbom.cdx.json", {"bomFormat": "CycloneDX", "components": [library]})
    model = {
        "type": "machine-learning-model",
        "name": "activity network",
        "hashes": [{"alg": "SHA-256", "content": digests["model"]}],
        "properties": [{"name": "posemill:file", "value": "models/activity.onnx"}],
    }
    _json(folder, "sbom/ml-bom.cdx.json", {"bomFormat": "CycloneDX", "components": [model]})
    tops = ("workspace/", "models/", "lineage/", "requirements.lock", "sbom/", "licences/")
    tops += (PUBLIC_KEY, "manifest.json", "model.sig")
    licences = {
        "files": dict.fromkeys(tops, "Apache-2.0"),
        "packages": [{"name": "numpy", "version": "2.4.6", "licence": "BSD-3-Clause", "class": "permissive"}],
        "deliverables": [{"name": "model", "licence": "Apache-2.0", "packages": ["numpy"], "verdict": "may be sold"}],
    }
    _json(folder, "licences/licences.json", licences)
    return folder


def sealed(folder: Path, out: Path, key: SigningKey) -> Path:
    """Write the folder as a bundle that the key signs."""
    (folder / PUBLIC_KEY).write_bytes(key.public_pem)
    write_bundle(folder, out, ABOUT, lambda digests: key.sign("small", digests))
    return out


def small_bundle(root: Path) -> tuple[Path, SigningKey]:
    """Write the bundle; also the key that signed it."""
    key = generate_key(root / "key.pem")
    return sealed(small_folder(root / "folder"), root / "small.posemill", key), key


def _write(folder: Path, name: str, content: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def _json(folder: Path, name: str, content: Any) -> None:
    _write(folder, name, json.dumps(content).encode())


def _csv(folder: Path, name: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


def _entry(folder: Path, path: str) -> dict[str, str]:
    content = (folder / "workspace" / path).read_bytes()
    return {"path": path, "md5": hashlib.md5(content).hexdigest()}


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
