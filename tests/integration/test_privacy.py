"""Videos that are kept no longer than their poses need, and subjects whose names are stored nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from posemill.cli.main import cli
from posemill.erasure.check import search
from posemill.erasure.needles import Needles
from posemill.errors import InputError, UnreadableMedia
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.faces import FaceBlur
from posemill.estimation.types import Pose
from posemill.ingest.entry import Entry, add_entries
from posemill.labelling.labeller import Labeller
from posemill.labelling.privacy import discard_posed
from posemill.labelling.progress import ProgressReporter
from posemill.labelling.worker import label_backlog
from posemill.params.ingest import IngestParams
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.stages import ingest, snapshot
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.ledger import Ledger
from posemill.store.media import MediaStore
from posemill.store.pose_store import PoseStore
from posemill.store.postgres import open_engine
from posemill.store.pseudonyms import pseudonym
from posemill.store.tracks import TrackStore
from posemill.video.decode import read_frames
from stand_in_labeller import StandIn, write_video

PARAMS = LabelParams(chunk_s=2, batch_frames=4)


class Counting(StandIn):
    """Counts the pictures that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = 0

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        self.looked_at += len(images)
        return super().poses(images)


def labeller(settings: Settings, params: LabelParams = PARAMS) -> Labeller:
    url = settings.store_url
    estimator = PoseEstimator.from_backend(Counting(), params)
    return Labeller(estimator, MediaStore(url), PoseStore(url), TrackStore(url))


def add(settings: Settings, engine: Engine, video: int, privacy: str | None) -> str:
    path = write_video(settings.workspace / f"{video}.mp4", video, 30)
    entry = Entry(path, path.name, activity="walk", subject="anna")
    store = MediaStore(settings.store_url)
    add_entries(engine, store, [entry], dataset="d", annotated_by="me", privacy=privacy)
    return store.put(path)


def label(engine: Engine, chosen: Labeller) -> list[str]:
    """Label everything that is not in quarantine; returns the reasons of what is there now."""
    with engine.connect() as connection:
        aside = {row["medium"] for row in catalog.open_quarantine(connection)}
        media = [row["digest"] for row in catalog.media(connection) if row["digest"] not in aside]
    label_backlog(chosen, Ledger(engine, chosen.pose_fingerprint), media, ProgressReporter())
    discard_posed(chosen, engine)
    with engine.connect() as connection:
        return [row["reason"] for row in catalog.open_quarantine(connection)]


def removed(engine: Engine) -> dict[str, bool]:
    with engine.connect() as connection:
        return {row["digest"]: row["bytes_removed_at"] is not None for row in catalog.media(connection)}


def test_only_keypoints_are_left_of_a_video(settings: Settings, engine: Engine) -> None:
    kept, gone = add(settings, engine, 1, None), add(settings, engine, 2, "keypoints-only")
    store, chosen = MediaStore(settings.store_url), labeller(settings)
    assert discard_posed(chosen, engine) == 0  # not posed yet
    assert label(engine, chosen) == []
    assert (store.has(kept), store.has(gone)) == (True, False)
    assert removed(engine) == {kept: False, gone: True}
    assert len(chosen.labelled(gone).tracks) > 0
    stored = [p for p in Path(settings.store_url).rglob("*") if p.is_file()]
    assert [p.name for p in stored if p.read_bytes()[4:8] == b"ftyp"] == [kept]  # the only video that is there
    # posed again with the same labeller nothing is missed; ingest does not look for the bytes
    assert label(engine, chosen) == []
    inputs = Workspace(settings.workspace)
    snapshot.run(snapshot.SnapshotParams(), inputs, inputs.output("snapshot"), settings)
    done = ingest.run(IngestParams(verify="all"), inputs, inputs.output("ingest"), settings)
    assert (done.media, done.quarantined) == (2, 0)


def test_another_labeller_is_told_in_one_sentence(settings: Settings, engine: Engine) -> None:
    gone = add(settings, engine, 2, "keypoints-only")
    label(engine, labeller(settings))
    (reason,) = label(engine, labeller(settings, replace_params(frame_stride=2)))
    assert reason.startswith(f"the video of medium {gone[:12]} is gone, it was removed on ")
    assert "(keypoints-only)" in reason
    with pytest.raises(UnreadableMedia, match="add the video again"):
        MediaStore(settings.store_url).fetch_picture(gone)


def replace_params(**changes: object) -> LabelParams:
    return LabelParams.model_validate({**PARAMS.model_dump(), **changes})


def test_added_again_a_video_is_removed_again(settings: Settings, engine: Engine) -> None:
    gone = add(settings, engine, 2, "keypoints-only")
    label(engine, labeller(settings))
    assert MediaStore(settings.store_url).put(settings.workspace / "2.mp4") == gone
    chosen = labeller(settings)
    label(engine, chosen)
    assert not MediaStore(settings.store_url).has(gone)
    assert isinstance(chosen.estimator.backend, Counting)
    assert chosen.estimator.backend.looked_at == 0


def test_killed_before_the_bytes_are_gone_the_next_call_removes_them(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = add(settings, engine, 2, "keypoints-only")
    with monkeypatch.context() as patch:
        patch.setattr(MediaStore, "discard", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            label(engine, labeller(settings))
    assert removed(engine) == {medium: True}
    assert MediaStore(settings.store_url).has(medium)
    assert discard_posed(labeller(settings), engine) == 1
    assert not MediaStore(settings.store_url).has(medium)


def test_a_copy_with_blurred_faces_takes_the_place_of_a_video(settings: Settings, engine: Engine) -> None:
    medium = add(settings, engine, 3, "blur-faces")
    before = [frame.image for frame in read_frames(settings.workspace / "3.mp4")]
    chosen = labeller(settings)
    assert label(engine, chosen) == []
    store = MediaStore(settings.store_url)
    assert not store.has(medium)
    copy = store.fetch_picture(medium)
    frames = list(read_frames(copy))
    assert len(frames) == len(before)
    heads, most = FaceBlur(chosen.labelled(medium)), 0.0
    for frame, original in zip(frames, before, strict=True):
        assert heads.heads(frame.time_s)
        far = np.ones(original.shape[:2], bool)
        for head in heads.heads(frame.time_s):
            rows, columns = np.indices(far.shape)
            far &= np.hypot(columns - head.x_px, rows - head.y_px) > 2 * head.radius_px
        changed = np.abs(frame.image.astype(int) - original).mean(-1)
        if far.any():
            assert changed[far].mean() < 6  # compressed once more
        most = max(most, float(changed[~far].max()))  # where a head is over an even area, nothing is to be seen
    assert most > 60
    # the copy belongs to the medium: who erases the one erases the other
    found = search(settings, engine, Needles(frozenset({copy.name})))
    assert {finding.place for finding in found.left} == {"store", "database"}


def test_names_become_pseudonyms_everywhere(settings: Settings, engine: Engine) -> None:
    key_file = settings.workspace.parent / "subjects.key"
    key_file.write_text("k" * 40 + "\n")
    hidden = open_engine(replace(settings, subject_key=key_file))
    try:
        add(settings, hidden, 1, None)
        add(settings, hidden, 2, None)
        her = pseudonym("anna", b"k" * 40)
        with hidden.begin() as connection:
            rows = catalog.clips(connection)
            assert [row["subject"] for row in rows] == [her, her]
            number = catalog.correct_clip(connection, rows[0]["clip"], "me", subject="bob")
            assert catalog.correct_clip(connection, number, "me", subject=pseudonym("bob", b"k" * 40)) == number
        with engine.connect() as connection:
            names = set(connection.scalars(text("SELECT name FROM subject")))
            assert names == {her, pseudonym("bob", b"k" * 40)}
            sources = list(connection.scalars(text("SELECT source FROM medium")))
            assert all(source.startswith("f-") and source.endswith(".mp4") for source in sources)
            assert len(set(sources)) == 2
            tables = ("medium", "clip", "subject", "audit")
            rows_as_text = [
                str(connection.scalar(text(f"SELECT string_agg(t::text, ' ') FROM {name} t"))) for name in tables
            ]
            assert "anna" not in " ".join(rows_as_text)
    finally:
        hidden.dispose()


def test_a_person_is_erased_by_her_name_where_there_is_a_key(
    settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file = settings.workspace.parent / "subjects.key"
    key_file.write_text("k" * 40)
    for name, value in {
        "WORKSPACE": settings.workspace,
        "DATABASE_URL": settings.database_url,
        "SUBJECT_KEY": key_file,
    }.items():
        monkeypatch.setenv(f"POSEMILL_{name}", str(value))
    write_video(settings.workspace / "4.mp4", 4, 10)
    runner = CliRunner()
    added = runner.invoke(cli, ["add", str(settings.workspace / "4.mp4"), "--subject", "anna", "--activity", "walk"])
    assert added.exit_code == 0, added.output
    done = runner.invoke(cli, ["erase", "--subject", "anna", "--yes"])
    assert done.exit_code == 0, done.output
    assert not (settings.workspace / "4.mp4").exists()
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM medium")) == 0
        assert connection.scalar(text("SELECT count(*) FROM subject")) == 0


def test_a_key_that_is_too_short_or_missing_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "short").write_text("secret")
    with pytest.raises(InputError, match="at least 32 characters, it has 6"):
        open_engine(replace(settings, subject_key=tmp_path / "short"))
    with pytest.raises(InputError, match="cannot be read: No such file"):
        open_engine(replace(settings, subject_key=tmp_path / "none"))
