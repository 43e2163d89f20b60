"""`posemill label` as it is started by people and machines: killed, doubled, without its database."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from posemill.estimation.estimator import PoseEstimator
from posemill.params.label import LabelParams
from posemill.settings import Settings
from posemill.store import catalog
from posemill.store.media import MediaStore
from posemill.store.track_file import medium_bytes
from stand_in_labeller import StandIn, write_video

LENGTHS = (104, 260, 61)  # 5 s of video are 50 frames: 2, 5 and 1 chunks, since a short rest is no chunk of its own
CHUNKS, FRAMES = 8, sum(LENGTHS)
PARAMS = LabelParams(chunk_s=5, attempts=20, batch_frames=4)
PROGRAM = Path(__file__).parents[1] / "stand_in_labeller.py"

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Corpus:
    """Videos in database and store, and a workspace to label them from."""

    folder: Path
    settings: Settings
    engine: Engine
    digests: list[str]

    def start(self, *options: str, delay_s: float = 0.0, **environment: str) -> subprocess.Popen[str]:
        env = os.environ | {
            "POSEMILL_WORKSPACE": str(self.folder),
            "POSEMILL_DATABASE_URL": str(self.settings.database_url),
            "POSEMILL_STORE_URL": self.settings.store_url,
            "STAND_IN_LOG": str(self.folder / "looked-at"),
            "STAND_IN_DELAY_S": str(delay_s),
            **environment,
        }
        command = [sys.executable, str(PROGRAM), "label", *options]
        return subprocess.Popen(command, env=env, cwd=self.folder, text=True, stdout=-1, stderr=-1)

    def run(self, *options: str, code: int = 0, **environment: str) -> tuple[str, str]:
        process = self.start(*options, **environment)
        said, errors = process.communicate(timeout=120)
        assert process.returncode == code, errors
        return said, errors

    def looked_at(self) -> Counter[tuple[int, int]]:
        """How often each (video, frame) was looked at."""
        path = self.folder / "looked-at"
        lines = path.read_text().splitlines() if path.exists() else []
        return Counter((int(v), int(f)) for v, f in map(str.split, lines))

    def jobs(self) -> list[tuple[int, int, int | None, str]]:
        query = "SELECT medium_id, start_frame, end_frame, state FROM label_job ORDER BY 1, 2"
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def done(self) -> int:
        return sum(state == "done" for *_, state in self.jobs())

    def files(self, kind: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (Path(self.settings.store_url) / kind).rglob("*.parquet")}

    def whole(self) -> dict[str, bytes]:
        """Track files as labelling each video in one go gives them."""
        store, tracks = MediaStore(self.settings.store_url), {}
        for digest in self.digests:
            tracks[f"{digest}.parquet"] = medium_bytes(
                PoseEstimator.from_backend(StandIn(), PARAMS).track(store.fetch(digest))
            )
        return tracks


@pytest.fixture
def corpus(settings: Settings, engine: Engine, tmp_path: Path) -> Corpus:
    store, digests = MediaStore(settings.store_url), []
    for video, frames in enumerate(LENGTHS):
        digests.append(store.put(write_video(tmp_path / f"{video}.mp4", video, frames)))
    with engine.begin() as connection:
        catalog.add_media(connection, [catalog.MediumRow(d, "d", "s", "me") for d in digests])
    (tmp_path / "params.yaml").write_text(f"label: {PARAMS.model_dump_json()}\n")
    return Corpus(tmp_path, settings, engine, digests)


def test_killed_at_any_instant_it_goes_on_where_it_was(corpus: Corpus) -> None:
    chance, kills, events = random.Random(7), 4, []
    for workspace_lock in range(kills):
        process = corpus.start("--json", delay_s=0.01)
        wanted, deadline = workspace_lock + 1, time.monotonic() + 60
        while corpus.done() < wanted and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.4))
        process.kill()
        events += process.communicate()[0].splitlines()
    events += corpus.run("--json")[0].splitlines()

    assert [state for *_, state in corpus.jobs()] == ["done"] * CHUNKS
    assert [(start, end) for _, start, end, _ in corpus.jobs()] == [
        (0, 50),
        (50, None),
        (0, 50),
        (50, 100),
        (100, 150),
        (150, 200),
        (200, None),
        (0, None),
    ]
    looked_at = corpus.looked_at()
    assert len(looked_at) == FRAMES  # none missing
    assert sum(looked_at.values()) - FRAMES <= kills * 61  # nothing again but the chunk in hand
    finished = Counter((e["medium"], e["start_frame"]) for e in map(json.loads, events) if e["event"] == "done")
    assert set(finished.values()) == {1}
    assert corpus.files("tracks") == corpus.whole()
    before = corpus.looked_at()
    assert json.loads(corpus.run("--json")[0].splitlines()[-1]) == {
        "event": "summary",
        "labelled": 0,
        "cached": 3,
        "quarantined": 0,
    }
    assert corpus.looked_at() == before


def test_told_to_end_it_gives_back_what_it_has_in_hand(corpus: Corpus) -> None:
    process, deadline = corpus.start(delay_s=0.01), time.monotonic() + 60
    while corpus.done() < 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    with corpus.engine.connect() as connection:
        left = connection.execute(text("SELECT state, attempts FROM label_job WHERE state <> 'done'")).all()
    assert {tuple(row) for row in left} == {("queued", 0)}


def test_two_at_once_share_the_work_and_do_nothing_twice(corpus: Corpus) -> None:
    both = [corpus.start("--json", delay_s=0.01) for _ in range(2)]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert set(corpus.looked_at().values()) == {1}
    assert len(corpus.looked_at()) == FRAMES
    assert corpus.files("tracks") == corpus.whole()
    finished = [[e for e in map(json.loads, out.splitlines()) if e["event"] == "done"] for out, _ in said]
    assert sum(map(len, finished)) == CHUNKS
    assert all(finished), "one did everything: they did not run at once"


def test_a_broken_video_is_set_aside_and_the_others_go_on(corpus: Corpus) -> None:
    (corpus.folder / "params.yaml").write_text(f"label: {PARAMS.model_copy(update={'attempts': 2}).model_dump_json()}")
    said, _ = corpus.run("--json", STAND_IN_BREAKS="1")
    events = [json.loads(line) for line in said.splitlines()]
    assert events[-1] == {"event": "summary", "labelled": 2, "cached": 0, "quarantined": 1}
    with corpus.engine.connect() as connection:
        (row,) = catalog.open_quarantine(connection, ["label"])
    assert (row["medium"], row["reason"]) == (
        corpus.digests[1],
        "labelling failed 2 times: RuntimeError: the stand-in is broken",
    )
    assert {state for medium, *_, state in corpus.jobs() if medium == 2} == {"failed"}
    with corpus.engine.begin() as connection:
        catalog.resolve_quarantine(connection, row["id"], "me")
    assert json.loads(corpus.run("--json")[0].splitlines()[-1])["labelled"] == 1
    assert corpus.files("tracks") == corpus.whole()


def test_a_database_that_goes_away_is_told_and_costs_nothing_that_was_done(corpus: Corpus) -> None:
    process = corpus.start(delay_s=0.01)
    deadline = time.monotonic() + 60
    while corpus.done() < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    gone = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with corpus.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("UPDATE pg_database SET datallowconn = false WHERE datname = current_database()"))
        connection.execute(text(gone))
        _, errors = process.communicate(timeout=60)
        connection.execute(text("UPDATE pg_database SET datallowconn = true WHERE datname = current_database()"))
    assert process.returncode == os.EX_TEMPFAIL, errors
    assert errors.splitlines()[-1].startswith("posemill: retryable: the database went away while labelling (")
    stored = set(corpus.files("poses"))
    assert len(stored) >= 2
    before = corpus.looked_at()
    corpus.run()
    assert len(corpus.files("poses")) == CHUNKS
    assert sum((corpus.looked_at() - before).values()) <= FRAMES - 2 * 50
    assert corpus.files("tracks") == corpus.whole()


@pytest.mark.parametrize("kind", ["crash", "memory"])
def test_a_video_that_ends_its_decoder_is_set_aside_and_the_worker_lives(
    kind: str, corpus: Corpus, tmp_path: Path
) -> None:
    """The decoder of the second video crashes, or takes all memory, at its frame 120: in its third chunk."""
    poison = Path(__file__).parents[1] / "chaos" / "poison"
    path = os.pathsep.join([str(poison), *filter(None, sys.path)])
    params = PARAMS.model_copy(update={"attempts": 2})
    (corpus.folder / "params.yaml").write_text(f"label: {params.model_dump_json()}")
    said, _ = corpus.run("--json", CHAOS_POISON=f"{kind}:1:120", PYTHONPATH=path)
    assert json.loads(said.splitlines()[-1]) == {"event": "summary", "labelled": 2, "cached": 0, "quarantined": 1}
    with corpus.engine.connect() as connection:
        (row,) = catalog.open_quarantine(connection, ["label"])
    assert row["medium"] == corpus.digests[1]
    assert "memory" in row["reason"]
    others = {name: content for name, content in corpus.whole().items() if not name.startswith(corpus.digests[1])}
    assert corpus.files("tracks") == others
