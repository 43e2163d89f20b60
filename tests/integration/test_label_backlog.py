"""What is labelled when something changes: as little as can be. A stand-in backend counts what it looks at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from damaged import damage
from posemill.errors import InputError, Unavailable
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.types import Pose
from posemill.labelling import worker
from posemill.labelling.chunks import chunk_of_frames
from posemill.labelling.labeller import Labeller
from posemill.labelling.plan import frames_to_do, make_plan, reconcile
from posemill.labelling.progress import ChunkResult, ProgressReporter
from posemill.labelling.worker import label_backlog
from posemill.params.label import LabelParams
from posemill.params.tracking import TrackingParams
from posemill.settings import Settings
from posemill.stages import label as stage
from posemill.stages.workspace import Workspace
from posemill.store import catalog
from posemill.store.lease import LeaseHolder
from posemill.store.ledger import Lease, Ledger
from posemill.store.media import MediaStore
from posemill.store.pose_file import ChunkPoses
from posemill.store.pose_store import PoseStore
from posemill.store.track_file import medium_bytes
from posemill.store.tracks import TrackStore, read_shards
from stand_in_labeller import StandIn, number, write_video

PARAMS = LabelParams(chunk_s=2, batch_frames=4)  # 20 frames of these videos


class Counting(StandIn):
    """Counts the pictures that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at: Counter[tuple[int, int]] = Counter()
        self.broken = False

    def poses(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Pose]]:
        if self.broken:
            raise RuntimeError("no device")
        self.looked_at.update(map(number, images))
        return super().poses(images)


class Bench:
    """Media in a database and a store; `label` says how many frames were looked at."""

    def __init__(self, engine: Engine, url: str, folder: Path) -> None:
        self.engine, self.url, self.folder = engine, url, folder
        self.backend, self.params = Counting(), PARAMS

    @property
    def labeller(self) -> Labeller:
        url = self.url
        estimator = PoseEstimator.from_backend(self.backend, self.params)
        return Labeller(estimator, MediaStore(url), PoseStore(url), TrackStore(url))

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.engine, self.labeller.pose_fingerprint)

    def add(self, video: int, frames: int) -> str:
        path = write_video(self.folder / f"{video}.mp4", video, frames)
        digest = MediaStore(self.url).put(path)
        self.know([digest])
        return digest

    def know(self, digests: list[str]) -> None:
        with self.engine.begin() as connection:
            catalog.add_media(connection, [catalog.MediumRow(d, "d", "s", "me") for d in digests])

    def media(self) -> list[str]:
        with self.engine.connect() as connection:
            return catalog.videos(connection)

    def label(self, report: ProgressReporter | None = None) -> int:
        before = self.backend.looked_at.total()
        label_backlog(self.labeller, self.ledger, self.media(), report or ProgressReporter())
        return self.backend.looked_at.total() - before

    def states(self) -> list[tuple[int, int | None, str]]:
        query = "SELECT start_frame, end_frame, state FROM label_job ORDER BY medium_id, start_frame, fingerprint"
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def say(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def bench(engine: Engine, settings: Settings, tmp_path: Path) -> Bench:
    return Bench(engine, settings.store_url, tmp_path)


def test_one_clip_more_is_one_clip_to_label(bench: Bench) -> None:
    """A thousand labelled clips are a listing, not work."""
    labeller, known = bench.labeller, [f"{n:064x}" for n in range(1000)]
    bench.know(known)
    for digest in known:
        empty = chunk_of_frames(
            [], digest, labeller.pose_fingerprint, (0, None), labeller.estimator.skeleton, (64, 48), 1.0
        )
        labeller.poses.put(empty)
    assert bench.label() == 0
    bench.add(3, 15)
    assert bench.label() == 15
    assert set(bench.backend.looked_at) == {(3, frame) for frame in range(15)}
    assert len(labeller.tracks.media(labeller.fingerprint)) == 1001
    assert bench.label() == 0


def test_an_unrelated_parameter_labels_nothing_and_tracking_only_tracks(bench: Bench) -> None:
    digest = bench.add(1, 64)
    assert bench.label() == 64
    first = bench.labeller
    for change in ({"threads": 1}, {"batch_frames": 7}, {"chunk_s": 60.0}):
        bench.params = bench.params.model_copy(update=change)
        assert bench.label() == 0
        assert bench.labeller.fingerprint == first.fingerprint

    bench.params = bench.params.model_copy(update={"tracking": TrackingParams(min_poses=40, max_gap_s=0.05)})
    plan = make_plan(bench.labeller, bench.ledger, bench.media(), 0)
    assert (plan.new, plan.cached, plan.chunks, plan.to_track) == (0, 1, 0, 1)
    assert bench.label() == 0
    other = bench.labeller.labelled(digest)
    assert other.labeller != first.fingerprint
    assert len(other.tracks) != len(first.labelled(digest).tracks)

    bench.params = bench.params.model_copy(update={"frame_stride": 2})
    assert bench.label() == 32


@pytest.mark.parametrize("chunk_s", [0.7, 2.0, 60.0])
@pytest.mark.parametrize("stride", [1, 3])
def test_chunks_give_the_tracks_of_the_whole(bench: Bench, chunk_s: float, stride: int) -> None:
    bench.params = PARAMS.model_copy(update={"chunk_s": chunk_s, "frame_stride": stride})
    digest = bench.add(2, 103)
    assert bench.label() == len(range(0, 103, stride))
    path = bench.labeller.media.fetch(digest)
    whole = PoseEstimator.from_backend(StandIn(), bench.params).track(path)
    assert medium_bytes(bench.labeller.labelled(digest)) == medium_bytes(whole)
    assert len(whole.tracks) >= 2  # there is somebody to follow over the cuts


def test_what_is_in_the_store_is_done_whatever_the_ledger_says(bench: Bench) -> None:
    bench.add(1, 64)
    assert bench.label() == 64
    wanted = [(0, 20, "done"), (20, 40, "done"), (40, None, "done")]
    assert bench.states() == wanted
    lease = "state = 'leased', leased_until = now() - interval '1 h'"
    changes = [f"UPDATE label_job SET {change}" for change in ("state = 'queued'", "state = 'failed'", lease)]
    for forgotten in ("DELETE FROM label_job", *changes):
        bench.say(forgotten)
        assert bench.label() == 0
        assert bench.states() == wanted
    (lost,) = (bench.folder / ".posemill" / "store" / "poses").rglob("*-00000020-*.parquet")
    lost.unlink()
    assert bench.label() == 20
    assert bench.states() == wanted


def test_a_medium_keeps_its_chunks_when_their_length_changes_in_the_middle(bench: Bench) -> None:
    bench.add(1, 100)

    class Stops(ProgressReporter):
        def done(self, chunk: ChunkResult) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.label(Stops())
    assert bench.states()[0] == (0, 20, "done")
    bench.params = PARAMS.model_copy(update={"chunk_s": 5.0})
    assert bench.label() == 80
    bench.say("DELETE FROM label_job")  # a new database with the old store: gaps are filled by the new length
    (lost,) = (bench.folder / ".posemill" / "store" / "poses").rglob("*-00000020-*.parquet")
    lost.unlink()
    assert bench.label() == 20


def test_killed_between_measuring_and_cutting_a_medium_is_cut_all_the_same(bench: Bench) -> None:
    bench.add(1, 64)
    reconcile(bench.labeller, bench.ledger, bench.media())
    assert bench.states() == [(0, None, "queued")]
    bench.say("UPDATE medium SET width_px = 128, height_px = 32, fps = 10, frames = 64, duration_s = 6.4")
    assert bench.label() == 64
    assert bench.states() == [(0, 20, "done"), (20, 40, "done"), (40, None, "done")]


def test_a_plan_does_nothing(bench: Bench) -> None:
    bench.add(1, 64)
    bench.add(2, 30)
    plan = make_plan(bench.labeller, bench.ledger, bench.media(), 3)
    assert (plan.new, plan.cached, plan.quarantined) == (2, 0, 3)
    assert (plan.frames, plan.unmeasured, plan.frames_per_second, plan.seconds) == (0, 2, None, None)
    assert bench.states() == []
    assert bench.backend.looked_at.total() == 0
    bench.label()
    bench.add(3, 64)
    bench.say("UPDATE medium SET frames = 64, fps = 10 WHERE frames IS NULL")
    bench.say("UPDATE label_job SET seconds = frames / 20.0")
    plan = make_plan(bench.labeller, bench.ledger, bench.media(), 0)
    assert (plan.new, plan.cached, plan.chunks, plan.chunks_cached) == (1, 2, 3, 5)
    assert (plan.frames, plan.frames_per_second) == (64, pytest.approx(20))
    assert plan.seconds == pytest.approx(3.2)


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("chunk_s", [2.0, 7.5])
def test_a_plan_counts_what_a_run_would_do(bench: Bench, chunk_s: float, stride: int) -> None:
    """Media that nobody has begun are counted by the database, and planned one by one when they are labelled."""
    bench.params = LabelParams(chunk_s=chunk_s, frame_stride=stride)
    digests = [f"{n:064x}" for n in range(400)]
    bench.know(digests)
    bench.say(
        "UPDATE medium SET width_px = 4, height_px = 4, duration_s = 1, frames = CASE WHEN id % 9 = 0 THEN NULL ELSE "
        "1 + id * 7 % 431 END, fps = CASE WHEN id % 10 = 0 THEN NULL ELSE 0.2 * (1 + id % 60) END"
    )
    labeller, skeleton = bench.labeller, bench.labeller.estimator.skeleton
    for digest in digests[::50]:  # of these a first chunk is there
        labeller.poses.put(chunk_of_frames([], digest, labeller.pose_fingerprint, (0, 2), skeleton, (64, 48), 1.0))
    fresh = make_plan(labeller, bench.ledger, digests, 0)
    planned = reconcile(labeller, bench.ledger, digests)
    assert [plan.medium["digest"] for plan in planned] == digests
    assert fresh.chunks == sum(len(plan.unfinished) for plan in planned)
    assert fresh.frames == sum(frames_to_do(plan, stride) or 0 for plan in planned)
    assert (fresh.new, fresh.unmeasured, fresh.chunks_cached) == (400, 44, 8)
    assert make_plan(labeller, bench.ledger, digests, 0) == fresh
    some = make_plan(labeller, bench.ledger, digests[:50], 0)
    assert (some.new, some.chunks_cached) == (50, 1)
    assert some.chunks == sum(len(plan.unfinished) for plan in planned[:50])


def test_a_plan_sees_what_ledger_and_store_do_not_agree_on(bench: Bench) -> None:
    digests = [f"{n:064x}" for n in range(5)]
    bench.know(digests)
    labeller, ledger = bench.labeller, bench.ledger
    with ledger.planning() as connection:
        ledger.add(connection, [(digest, (0, None), "done") for digest in digests[:3]])
        ledger.add(connection, [(digests[3], (0, None), "failed")])
    for digest in (digests[0], digests[3]):
        empty = chunk_of_frames(
            [], digest, labeller.pose_fingerprint, (0, None), labeller.estimator.skeleton, (64, 48), 1.0
        )
        labeller.poses.put(empty)
    plan = make_plan(labeller, ledger, digests, 0)
    assert (plan.new, plan.cached, plan.chunks, plan.chunks_cached, plan.to_track) == (3, 2, 3, 2, 2)
    changed = {
        p.medium["digest"]: (len(p.found), len(p.lost), len(p.new)) for p in reconcile(labeller, ledger, digests)
    }
    assert changed == {digests[1]: (0, 1, 0), digests[2]: (0, 1, 0), digests[3]: (1, 0, 0), digests[4]: (0, 0, 1)}
    assert [state for _, _, state in bench.states()] == ["done", "queued", "queued", "done", "queued"]


def test_a_broken_backend_stops_the_run_and_blames_no_medium(bench: Bench) -> None:
    for video in range(8):
        bench.add(video, 5)
    bench.backend.broken = True
    with pytest.raises(RuntimeError, match="no device"):
        bench.label()
    with bench.engine.connect() as connection:
        assert catalog.open_quarantine(connection) == []
    bench.backend.broken = False
    assert bench.label() == 40


def test_a_store_that_goes_away_stops_the_run_and_costs_no_attempt(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(1, 45)
    put = PoseStore.put

    def full(self: PoseStore, chunk: ChunkPoses) -> None:
        if chunk.start >= 20:
            raise Unavailable("the disk is full")
        put(self, chunk)

    monkeypatch.setattr(PoseStore, "put", full)
    with pytest.raises(Unavailable, match="the disk is full"):
        bench.label()
    assert bench.states() == [(0, 20, "done"), (20, None, "queued")]
    with bench.engine.connect() as connection:
        assert connection.scalar(text("SELECT sum(attempts) FROM label_job WHERE state = 'queued'")) == 0
    monkeypatch.setattr(PoseStore, "put", put)
    assert bench.label() == 25


def test_a_chunk_that_ends_its_process_is_given_up_after_some_attempts(bench: Bench) -> None:
    bench.add(1, 5)
    bench.add(2, 5)

    bench.label()
    bench.say("UPDATE label_job SET state = 'leased', attempts = 3, lease_key = 1 WHERE medium_id = 1")
    for path in (bench.folder / ".posemill" / "store" / "poses").rglob("*.parquet"):
        path.unlink()
    bench.say("UPDATE label_job SET state = 'queued' WHERE medium_id = 2")
    assert bench.label() == 5
    with bench.engine.connect() as connection:
        (row,) = catalog.open_quarantine(connection, ["label"])
    assert "died without a message, 3 times" in row["reason"]
    assert {state for *_, state in bench.states()} == {"failed", "done"}


def test_told_to_end_while_it_is_given_a_chunk_it_gives_it_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    endings: list[worker._DeferredSigterm] = []
    begin, claim = worker._DeferredSigterm.__enter__, LeaseHolder.claim

    def entered(ending: worker._DeferredSigterm) -> worker._DeferredSigterm:
        endings.append(ending)
        return begin(ending)

    def interrupted(holder: LeaseHolder, ids: Sequence[int]) -> Lease | None:
        lease = claim(holder, ids)
        endings[-1]._handle()  # as SIGTERM would, between the database and the program
        return lease

    monkeypatch.setattr(worker._DeferredSigterm, "__enter__", entered)
    monkeypatch.setattr(LeaseHolder, "claim", interrupted)
    bench.add(1, 45)
    with pytest.raises(SystemExit):
        bench.label()
    with bench.engine.connect() as connection:
        left = connection.execute(text("SELECT DISTINCT state, attempts FROM label_job")).all()
    assert [tuple(row) for row in left] == [("queued", 0)]


def test_any_fsspec_address_does(engine: Engine, tmp_path: Path) -> None:
    bench = Bench(engine, f"memory://label-{tmp_path.name}", tmp_path)
    digest = bench.add(1, 45)
    assert bench.label() == 45
    assert bench.labeller.labelled(digest).frames == 45
    assert bench.label() == 0
    assert replace(bench.labeller).missing([digest, "f" * 64]) == ["f" * 64]


def test_the_label_stage_finds_done_what_the_command_did(
    bench: Bench, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = [bench.add(1, 45), bench.add(2, 30)]
    workspace = Workspace(tmp_path)
    workspace.output("ingest").mkdir(parents=True)
    workspace.output("label").mkdir(parents=True)
    table = pa.table({"medium": digests[:1], "kind": ["video"], "frames": [45]})
    pq.write_table(table, workspace.output("ingest") / "media.parquet")
    monkeypatch.setattr("posemill.estimation.factory.load_backend", lambda name, params: bench.backend)

    result = stage.run(PARAMS, workspace, workspace.output("label"), settings)
    assert (result.labelled, result.frames) == (1, 45)
    assert {video for video, _ in bench.backend.looked_at} == {1}  # the other is not in this build
    assert bench.label() == 30
    before = bench.backend.looked_at.total()
    pq.write_table(pa.table({"medium": digests, "kind": ["video"] * 2}), workspace.output("ingest") / "media.parquet")
    assert stage.run(PARAMS, workspace, workspace.output("label"), settings).frames == 75
    assert bench.backend.looked_at.total() == before
    (tracks, _) = read_shards(workspace.output("label"))
    assert medium_bytes(tracks) == medium_bytes(bench.labeller.labelled(digests[0]))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:300])


@pytest.mark.parametrize("spoil", [cut_off, damage])
def test_a_damaged_pose_file_stops_its_own_medium_only(bench: Bench, spoil: Callable[[Path], None]) -> None:
    digests = [bench.add(video, 15) for video in (1, 2, 3)]
    assert bench.label() == 45
    labeller = bench.labeller
    for file in Path(bench.url, "tracks").rglob("*.parquet"):
        file.unlink()
    (file,) = Path(bench.url, "poses").rglob(f"{digests[1]}-*.parquet")
    spoil(file)
    with pytest.raises(InputError, match=rf"{digests[1]}.*remove the file, and `posemill label` does its frames again"):
        bench.label()
    assert labeller.tracks.media(labeller.fingerprint) == {digests[0], digests[2]}
    file.unlink()
    assert bench.label() == 15
    assert labeller.tracks.media(labeller.fingerprint) == set(digests)


def test_a_chunk_is_not_blamed_for_an_older_one_that_is_damaged(bench: Bench) -> None:
    bench.params = PARAMS.model_copy(update={"attempts": 1})
    digests = [bench.add(video, 40) for video in range(6)]  # more media than a broken backend is given
    failed: list[str] = []

    class Damages(ProgressReporter):
        def done(self, chunk: ChunkResult) -> None:
            if chunk.stretch[0] == 0:
                (file,) = Path(bench.url, "poses").rglob(f"{chunk.medium}-*.parquet")
                damage(file)

        def failed(self, medium: str, reason: str, again: bool, source: str | None = None) -> None:
            failed.append(reason)

    with pytest.raises(InputError, match="remove the file, and `posemill label` does its frames again"):
        bench.label(Damages())
    assert failed == []
    assert {state for *_, state in bench.states()} == {"done"}
    with bench.engine.connect() as connection:
        assert catalog.open_quarantine(connection) == []
    for file in Path(bench.url, "poses").rglob("*-00000000-*.parquet"):
        file.unlink()
    assert bench.label() == 6 * 20
    labeller = bench.labeller
    assert labeller.tracks.media(labeller.fingerprint) == set(digests)
