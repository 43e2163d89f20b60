"""A workspace with two people's data everywhere: store, tables, uploads, DVC's cache and remote, a backup.

Its graph is two stages: `ingest` writes a table of media and subjects, `prepare` an array made of it, that names
nobody. It was built twice: first of bob alone, then of anna and bob.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import yaml
from sqlalchemy import Engine, text

from posemill.settings import Settings
from posemill.store.blob_store import BlobStore
from posemill.store.lineage import SCHEMA
from posemill.store.media import MediaStore

REPOSITORY = Path(__file__).resolve().parents[1]
FILMS = {"anna": [b"anna squats", b"anna walks"], "bob": [b"bob squats"]}
DIGEST = {name: [hashlib.sha256(film).hexdigest() for film in films] for name, films in FILMS.items()}
POSE = "0123456789abcdef"
STAGES = {
    "ingest": "import polars as pl, pathlib; rows = [l.split() for l in open('people.txt')]; "
    "pathlib.Path('build/ingest').mkdir(parents=True, exist_ok=True); "
    "pl.DataFrame(rows, schema=['medium', 'subject'], orient='row').write_parquet('build/ingest/clips.parquet'); "
    "pathlib.Path('build/ingest/classes.json').write_text('[]')",
    "prepare": "import polars as pl, numpy, zlib, pathlib; t = pl.read_parquet('build/ingest/clips.parquet'); "
    "pathlib.Path('build/prepare').mkdir(parents=True, exist_ok=True); "
    "numpy.save('build/prepare/windows.npy', [zlib.crc32(m.encode()) for m in t['medium']]); "
    "pathlib.Path('build/prepare/features.json').write_text('{}')",
}


def build_graph(root: Path, remote: Path) -> None:
    """Make the workspace with git and DVC, build it of bob and then of both, and push that to a remote."""
    root.mkdir(parents=True)
    for name, code in STAGES.items():
        (root / f"{name}.py").write_text(code + "\n")
    graph = {
        "ingest": {"cmd": "python ingest.py", "deps": ["people.txt"], "outs": ["build/ingest"]},
        "prepare": {"cmd": "python prepare.py", "deps": ["build/ingest/clips.parquet"], "outs": ["build/prepare"]},
    }
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": graph}))
    (root / ".gitignore").write_text("/build/\n/people.txt\n/.posemill/\n")
    run(root, "git", "-c", "init.defaultBranch=main", "init", "-q")
    dvc(root, "init", "-q")
    dvc(root, "remote", "add", "-d", "shelf", str(remote))
    for people in (("bob",), ("anna", "bob")):
        write_people(root, *people)
        dvc(root, "repro", "-q")
        run(root, "git", "add", "-A")
        run(root, "git", "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-qm", " and ".join(people))
    dvc(root, "push", "-q", "--run-cache", "--all-commits")
    (root / "people.txt").unlink()


def write_people(root: Path, *people: str) -> None:
    """What the stage ingest reads: the table of media."""
    (root / "people.txt").write_text("".join(f"{digest} {name}\n" for name in people for digest in DIGEST[name]))


def fill(settings: Settings, engine: Engine) -> None:
    """Fill store, tables and uploads. Model 1 was trained with both, 2 tested with anna, 3 knows bob alone."""
    media, poses, tracks = (
        MediaStore(settings.store_url),
        BlobStore(settings.store_url, "poses"),
        BlobStore(settings.store_url, "tracks"),
    )
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO dataset (name) VALUES ('home')"))
        for name, films in FILMS.items():
            connection.execute(text("INSERT INTO subject (name) VALUES (:name)"), {"name": name})
            for film in films:
                digest = media.put_bytes(film)
                poses.put(POSE, f"{digest}-00000000-end", b"poses of " + film)
                tracks.put(POSE, digest, b"tracks of " + film)
                truth = media.put_bytes(b"truth of " + film)
                values = {"digest": digest, "name": name, "truth": truth, "source": film.decode()}
                for statement in _ROWS:
                    connection.execute(text(statement), values)
        for number, (trained, tested) in enumerate([("anna bob", ""), ("bob", "anna"), ("bob", "")]):
            lineage = media.put_bytes(_lineage(trained.split(), tested.split()))
            connection.execute(
                text("INSERT INTO model_version (bento_tag, digests, metrics) VALUES (:tag, :digests, '{}')"),
                {"tag": f"posemill-activity:{number + 1}", "digests": f'{{"lineage": "{lineage}"}}'},
            )
        values = {"digest": DIGEST["anna"][0]}
        connection.execute(text(_VERDICT), values)
        connection.execute(text(_CORRECTED))
    (settings.home / "uploads").mkdir(parents=True)
    for name in FILMS:
        (settings.home / "uploads" / DIGEST[name][0]).write_bytes(FILMS[name][0])
    (settings.workspace / "copy.mp4").write_bytes(FILMS["anna"][1])
    (settings.workspace / "notes.txt").write_text("anna likes squats\n")
    report = settings.workspace / "build" / "report.html"
    report.parent.mkdir(exist_ok=True)
    report.write_text(f"<p>{DIGEST['anna'][0][:12]}")


_ROWS = (
    "INSERT INTO medium (digest, dataset, source) VALUES (:digest, 'home', :source)",
    "INSERT INTO clip (medium_id, activity, subject) SELECT id, 'squat', :name FROM medium WHERE digest = :digest",
    "INSERT INTO ground_truth (medium_id, track_digest, skeleton, origin) "
    "SELECT id, :truth, 'coco-17', 'synth' FROM medium WHERE digest = :digest",
    "INSERT INTO label_job (medium_id, fingerprint, state) SELECT id, 'f', 'done' FROM medium WHERE digest = :digest",
    "INSERT INTO quarantine (entity_type, medium_id, clip_id, stage, reason) "
    "SELECT 'clip', m.id, c.id, 'label', 'short' FROM medium m JOIN clip c ON c.medium_id = m.id "
    "WHERE digest = :digest",
    "INSERT INTO review_item (medium_id, reason) SELECT id, 'jitter' FROM medium WHERE digest = :digest",
    "INSERT INTO keypoint_correction (medium_id, labeller, skeleton, person, frame, keypoint) "
    "SELECT id, 'l', 'coco-17', 0, 3, 'nose' FROM medium WHERE digest = :digest",
    "INSERT INTO feedback (bento_tag, provenance, upload_digest, is_right, review_item_id) "
    "SELECT 'b:1', '{}', digest, false, r.id FROM medium m JOIN review_item r ON r.medium_id = m.id "
    "WHERE digest = :digest",
    "INSERT INTO prediction_log (bento_tag, input_digest) VALUES ('b:1', :digest)",
    "INSERT INTO app_run (medium_id, application, fingerprint, provenance, summary, frames, duration_s, people) "
    "SELECT id, 'fall', 'f', '{}', '{}', 10, 1.0, 1 FROM medium WHERE digest = :digest",
)
_VERDICT = (
    "INSERT INTO acceptance (model_version_id, passed, client, report) "
    "VALUES (3, true, 'acme', jsonb_build_object('clips', jsonb_build_array(cast(:digest AS text))))"
)
# a clip of bob's film that was taken for anna until somebody corrected it
_CORRECTED = (
    "INSERT INTO clip (medium_id, activity, subject, start_s, valid_to, closed_by, superseded_by) "
    "SELECT medium_id, 'squat', 'anna', 0, now(), 'ann', id FROM clip WHERE subject = 'bob'"
)


def _lineage(trained: list[str], tested: list[str]) -> bytes:
    rows = [
        {"clip": number, "medium": digest, "split": split, "windows": 3, "subject": name}
        for split, names in (("train", trained), ("test", tested))
        for number, (name, digest) in enumerate((n, d) for n in names for d in DIGEST[n])
    ]
    table = pl.DataFrame(rows, schema_overrides={"clip": pl.Int64})
    missing = [pl.lit(None).alias(name) for name in SCHEMA if name not in table.columns]
    file = io.BytesIO()
    table.with_columns(missing).select(pl.col(n).cast(kind) for n, kind in SCHEMA.items()).write_parquet(file)
    return file.getvalue()


def dvc(root: Path, *arguments: str) -> None:
    """Run DVC in a workspace, with this environment's programs first."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    env = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", "SHELL": "/bin/sh"}
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, env=env, check=True)


def run(root: Path, *command: str) -> None:
    """Run a program in a workspace."""
    subprocess.run(command, cwd=root, check=True)


def copied(source: Path, target: Path) -> Path:
    """Copy a workspace with its remote, and let DVC know where that is now."""
    shutil.copytree(source, target, symlinks=True)
    config = target / "workspace" / ".dvc" / "config"
    config.write_text(config.read_text().replace(str(source), str(target)))
    return target / "workspace"
