"""From an upload to an answer and its files, with a labeller that reads its people off the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.estimation.estimator import PoseEstimator
from posemill.params.label import LabelParams
from posemill.prediction.model import ActivityModel
from posemill.serving.jobs import ANSWER, OVERLAY, SHEET, Job, Jobs, State
from posemill.serving.pose_estimator import PackagedPoseEstimator
from posemill.serving.routers.uploads import VideoUpload
from posemill.serving.schemas.activity import Receipt, VideoAnswer
from posemill.serving.served_model import ServedModel
from posemill.serving.video_analysis import VideoAnalysis
from posemill.serving.video_limits import VideoLimits
from posemill.video.probe import probe
from stand_in_labeller import FPS, StandIn, write_video

RECEIPT = Receipt.of(None, {"model": "a", "features": "b", "classes": "c"})
Upload = Callable[..., Any]


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    jobs = Jobs(3, keep_s=60)
    yield jobs
    jobs.close()


@pytest.fixture
def seen() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def work(predictor: ActivityModel, seen: list[tuple[str, int]]) -> VideoAnalysis:
    poser = PackagedPoseEstimator(PoseEstimator.from_backend(StandIn(), LabelParams(frame_stride=2)), Lock())
    limits = VideoLimits(short_video_s=5, longest_video_s=8)
    model = ServedModel("b:1", predictor, RECEIPT, threads=1)
    model.observers.append(lambda answer: seen.append((answer.endpoint, len(answer.windows))))
    return VideoAnalysis(poser, model, limits, lambda use: use(model))


def uploaded(jobs: Jobs, frames: int, *, job: bool = False) -> Any:
    opened = jobs.open()
    video = write_video(opened.folder / "a.mp4", 1, frames)
    return VideoUpload(video, {"tracks": "true", "job": str(job)}, opened)


def done(work: VideoAnalysis, jobs: Jobs, upload: Any) -> Job:
    job = work.begin(jobs, upload)
    assert job.answered.wait(30)
    assert job.state is State.DONE, job.error
    return job


def test_a_short_video_leaves_an_answer_alone(work: VideoAnalysis, jobs: Jobs, seen: list[tuple[str, int]]) -> None:
    job = done(work, jobs, uploaded(jobs, 4 * FPS + 1))
    assert not job.kept
    assert sorted(path.name for path in job.folder.iterdir()) == [ANSWER]
    answer = VideoAnswer.model_validate_json((job.folder / ANSWER).read_text())
    assert (answer.video.frames, answer.receipt, answer.note) == (21, RECEIPT, None)
    assert len(answer.people) == 2
    assert all(person.track is not None and person.segments for person in answer.people)
    assert [where for where, _ in seen] == ["/analyse_video"] * 2
    assert (job.frames_done, job.frames) == (21, 21)


@pytest.mark.parametrize(("seconds", "job"), [(6, False), (2, True)])
def test_a_long_one_or_a_job_is_drawn_too(work: VideoAnalysis, jobs: Jobs, seconds: int, job: bool) -> None:
    kept = done(work, jobs, uploaded(jobs, seconds * FPS, job=job))
    assert kept.kept
    assert sorted(path.name for path in kept.folder.iterdir()) == sorted([ANSWER, OVERLAY, SHEET])
    assert probe(kept.folder / OVERLAY).frames == seconds * FPS
    assert kept.progress == 1.0


def test_a_video_that_is_too_long_is_refused(work: VideoAnalysis, jobs: Jobs) -> None:
    with pytest.raises(InputError, match=r"a\.mp4 lasts 9 s and this service takes videos of up to 8 s"):
        work.begin(jobs, uploaded(jobs, 9 * FPS))


def test_no_video_is_posed_for_a_model_that_reads_z(work: VideoAnalysis, jobs: Jobs) -> None:
    deep: Any = SimpleNamespace(predictor=SimpleNamespace(features=SimpleNamespace(coordinates=3)))
    with pytest.raises(InputError, match="this model reads z too"):
        replace(work, champion=deep).begin(jobs, uploaded(jobs, 2 * FPS))


def test_a_job_that_is_cancelled_while_it_is_drawn_leaves_nothing(
    work: VideoAnalysis, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = uploaded(jobs, 2 * FPS, job=True)
    drew = Job.drew

    def cancelled(job: Job, share: float) -> None:
        jobs.cancel(job)
        drew(job, share)

    monkeypatch.setattr(Job, "drew", cancelled)
    job = work.begin(jobs, upload)
    assert job.answered.wait(30)
    assert job.state is State.CANCELLED
    assert not job.folder.exists()


def test_memory_does_not_grow_with_the_length_of_a_video(work: VideoAnalysis, tmp_path: Path) -> None:
    """Ten times the pictures, which are 4 MB more, with nobody in them: the same memory."""
    import tracemalloc

    poser = replace(work.pose_estimator, estimator=PoseEstimator.from_backend(Nobody(), work.pose_estimator.params))
    peaks = []
    for seconds in (1, 4, 40):
        video = write_video(tmp_path / f"{seconds}.mp4", 1, seconds * FPS)
        tracemalloc.start()
        assert poser.tracks(video).tracks == ()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] - peaks[1] < 300_000  # bytes


class Nobody(StandIn):
    def poses(self, images: Any) -> Any:
        return [[] for image in images if np.asarray(image).size]


def test_limits_come_from_the_environment() -> None:
    assert VideoLimits.from_env({}) == VideoLimits()
    assert VideoLimits.from_env({"POSEMILL_JOBS": "2", "POSEMILL_JOB_KEEP_S": "0.5"}).job_keep_s == 0.5
    for wrong in ("0", "-1", "many", "nan", "inf"):
        with pytest.raises(InputError, match="POSEMILL_JOBS should be a number above 0"):
            VideoLimits.from_env({"POSEMILL_JOBS": wrong})
