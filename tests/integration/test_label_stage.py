"""The label stage on real files, a real database and the real backend."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine

from posemill.ingest.register import register_video
from posemill.params.label import LabelParams
from posemill.pose.skeleton import PENN_13
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.settings import Settings
from posemill.stages import label
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.tracks import read_shards, write_medium
from posemill.synth.corpus import Plan, SynthClip, stage
from posemill.video.encode import VideoWriter

PARAMS = LabelParams(long_edge_px=257)
PERSON_FRAMES = 12


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported networks stay for the session, outside every test's own folder."""
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path_factory.getbasetemp() / "label-home"))


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MediumTracks]:
    """A short rendered video of somebody, and the truth."""
    clip = stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0))
    path = tmp_path_factory.mktemp("person") / "person.mp4"
    with VideoWriter(path, clip.fps, clip.width_px, clip.height_px) as writer:
        for image, _ in zip(clip.images(), range(PERSON_FRAMES), strict=False):
            writer.write(image)
    return path, cut(clip)


def cut(clip: SynthClip) -> MediumTracks:
    truth = clip.truth.between(0, (PERSON_FRAMES - 0.5) / clip.fps)
    return MediumTracks(
        "m", "truth", truth.skeleton, clip.width_px, clip.height_px, PERSON_FRAMES, PERSON_FRAMES / clip.fps, (truth,)
    )


def empty_room(path: Path, level: int = 120, frames: int = 8) -> Path:
    with VideoWriter(path, 10, 160, 120) as writer:
        for _ in range(frames):
            writer.write(np.full((120, 160, 3), level, np.uint8))
    return path


def sound(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 800, "NONE", "none"))
        file.writeframes(b"\0\0" * 800)
    return path


def keypoints(path: Path) -> Path:
    walk = np.random.default_rng(0).uniform(0, 100, (9, 13, 2)).astype(np.float32)
    walk[3, 4] = np.nan
    seen = (~np.isnan(walk).any(-1)).astype(np.float32)
    track = PoseTrack(PENN_13, 0, np.arange(9, dtype=np.int32), np.arange(9) / 30, walk, seen, np.zeros(9, np.uint8))
    write_medium(path, MediumTracks("0" * 64, "imported", PENN_13, 480, 270, 9, 0.3, (track,)))
    return path


def ingested(engine: Engine, settings: Settings, files: list[tuple[Path, str]]) -> tuple[Workspace, list[str]]:
    """Put files into store and database, and write what the ingest stage would."""
    store, digests = MediaStore(settings.store_url), []
    with engine.begin() as connection:
        catalog.add_dataset(connection, "d", "me")
        for path, kind in files:
            digest = store.put(path)
            catalog.add_medium(connection, catalog.MediumRow(digest, "d", path.name, "me", kind))
            digests.append(digest)
    return ingest_output(settings, digests, [kind for _, kind in files]), digests


def ingest_output(settings: Settings, digests: list[str], kinds: list[str]) -> Workspace:
    workspace = Workspace(settings.workspace)
    workspace.output("ingest").mkdir(parents=True)
    table = pa.table({"medium": digests, "kind": kinds, "frames": pa.array([8] * len(kinds), pa.int64())})
    pq.write_table(table, workspace.output("ingest") / "media.parquet")
    return workspace


def run(workspace: Workspace, settings: Settings) -> tuple[label.LabelResult, list[dict[str, object]]]:
    outputs = workspace.output("label")
    outputs.mkdir(parents=True, exist_ok=True)
    result = label.run(PARAMS, workspace, outputs, settings)
    return result, pq.read_table(outputs / "media.parquet").to_pylist()


def test_every_kind_of_medium(
    person: tuple[Path, MediumTracks], engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    cut_off = empty_room(tmp_path / "cut.mp4", 40, 60)
    cut_off.write_bytes(cut_off.read_bytes()[:1800])
    files = [
        (person[0], "video"),
        (empty_room(tmp_path / "empty.mp4"), "video"),
        (sound(tmp_path / "sound.wav"), "video"),
        (cut_off, "video"),
        (keypoints(tmp_path / "walk.parquet"), "keypoints"),
    ]
    workspace, digests = ingested(engine, settings, files)
    with engine.begin() as connection:
        register_video(
            connection,
            MediaStore(settings.store_url),
            person[0],
            dataset="d",
            source="s",
            annotated_by="me",
            ground_truth=person[1],
        )
    result, rows = run(workspace, settings)

    assert [row["status"] for row in rows] == ["labelled", "labelled", "quarantined", "quarantined", "imported"]
    assert [row["persons"] for row in rows] == [1, 0, 0, 0, 1]
    assert [row["frames"] for row in rows] == [PERSON_FRAMES, 8, 0, 0, 9]
    assert "only audio" in str(rows[2]["reason"])
    assert "truncated" in str(rows[3]["reason"])
    assert not any(digest in str(row["reason"]) for digest, row in zip(digests, rows, strict=True))
    with engine.connect() as connection:
        assert {row["medium"] for row in catalog.open_quarantine(connection, ["label"])} == set(digests[2:4])
    assert (result.labelled, result.imported, result.quarantined, result.without_people) == (2, 1, 2, 1)

    # the truth was found, and agrees
    assert result.true_poses == PERSON_FRAMES
    assert result.mean_oks is not None
    assert result.mean_oks > 0.5
    assert result.median_error_torso is not None
    assert result.median_error_torso < 0.2

    shards = {tracks.medium: tracks for tracks in read_shards(workspace.output("label"))}
    assert set(shards) == {digests[0], digests[1], digests[4]}
    came, left = catalog_track(files[4][0]), shards[digests[4]]
    assert left.labeller == "imported"
    np.testing.assert_array_equal(left.tracks[0].xy, came.tracks[0].xy)

    # serving repeats what is written here
    about = json.loads((workspace.output("label") / "labeller.json").read_text())
    assert LabelParams.model_validate(about["params"]) == PARAMS
    assert shards[digests[0]].labeller == about["fingerprint"]
    assert about["describes"]["checkpoint_sha256"] == about["checkpoint_sha256"]

    # again: nothing new, the same bytes
    before = {p.name: p.read_bytes() for p in workspace.output("label").iterdir()}
    again, _ = run(workspace, settings)
    again.write(workspace.output("label"))
    assert again == result
    assert {p.name: p.read_bytes() for p in workspace.output("label").iterdir() if p.name in before} == before


def catalog_track(path: Path) -> MediumTracks:
    from posemill.store.tracks import read_medium

    return read_medium(path)


def test_keypoints_alone_need_no_backend(
    engine: Engine, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the backend was loaded")

    monkeypatch.setattr("posemill.estimation.factory.load_backend", refuse)
    workspace, _ = ingested(engine, settings, [(keypoints(tmp_path / "walk.parquet"), "keypoints")])
    result, _ = run(workspace, settings)
    assert (result.imported, result.poses) == (1, 9)
    assert json.loads((workspace.output("label") / "labeller.json").read_text())["describes"] is None


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_where_it_was(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    """The promise of incremental labelling: SIGKILL loses only the medium in hand. Takes the start of a process."""
    files = [(empty_room(tmp_path / f"room{n}.mp4", 40 + 10 * n, 150), "video") for n in range(6)]
    workspace, _ = ingested(engine, settings, files)
    (tmp_path / "params.yaml").write_text("label: {long_edge_px: 257}\n")
    environment = {
        **os.environ,
        "POSEMILL_WORKSPACE": str(tmp_path),
        "POSEMILL_DATABASE_URL": str(settings.database_url),
        "POSEMILL_STORE_URL": settings.store_url,
    }
    process = subprocess.Popen([sys.executable, "-m", "posemill", "stage", "label"], env=environment, cwd=tmp_path)
    tracks, deadline = Path(settings.store_url) / "tracks", time.monotonic() + 180
    while not (done := sorted(tracks.rglob("*.parquet"))) and time.monotonic() < deadline:
        assert process.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (workspace.output("label") / "media.parquet").exists()
    done = {path: path.stat().st_mtime_ns for path in sorted(tracks.rglob("*.parquet"))}
    assert 0 < len(done) < 6

    result, rows = run(workspace, settings)
    assert result.labelled == 6
    assert {row["frames"] for row in rows} == {150}
    assert {path: path.stat().st_mtime_ns for path in done} == done
