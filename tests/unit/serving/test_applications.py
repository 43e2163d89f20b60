"""POST /apps/NAME: applications on tracks and on videos, without BentoML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from anyio import CapacityLimiter
from anyio import run as run_async

from bright_square import BrightSquare
from fixtures.media import film
from made_up_tracks import made_up
from posemill.applications import registry
from posemill.applications.live import open_source
from posemill.applications.registry import Entry
from posemill.applications.result import ApplicationResult
from posemill.applications.run import run
from posemill.applications.sources import stream_of_tracks
from posemill.estimation.estimator import PoseEstimator
from posemill.serving.app import create_app
from posemill.serving.application_videos import ApplicationVideos
from posemill.serving.client.applications import request_of
from posemill.serving.jobs import Jobs
from posemill.serving.pose_estimator import PackagedPoseEstimator
from posemill.serving.routers import applications, jobs, uploads
from posemill.serving.schemas.provenance import Provenance
from posemill.serving.video_limits import VideoLimits
from posemill.video.probe import probe
from stand_in_application import Presence

PROVENANCE = Provenance.of("posemill-analysis:a", dict.fromkeys(("model", "features", "classes"), "0" * 64))


def result_of(answer: Any) -> ApplicationResult:
    """The result of an answer, whose provenance is the service's."""
    assert answer.pop("provenance") == PROVENANCE.model_dump()
    answer.pop("labeller")
    return ApplicationResult.model_validate(answer)


class Service:
    """The app of a service, asked in process."""

    def __init__(self, state: SimpleNamespace) -> None:
        self.state, self.app = state, create_app("test", [applications.router, jobs.router])

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                return await client.request(method, path, **request)

        return run_async(send)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    monkeypatch.setattr(registry, "APPLICATIONS", {"presence": Entry("stand_in_application:Presence", "Says who.")})
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    square = PoseEstimator.from_backend(BrightSquare())
    estimator = PackagedPoseEstimator(square, Lock())
    monkeypatch.setattr(Presence, "backend", square.params.backend)
    limits, queue = VideoLimits(short_video_s=2.0, longest_video_s=6.0), Jobs(2, keep_s=60)
    state = SimpleNamespace(
        provenance=PROVENANCE,
        threads=CapacityLimiter(1),
        jobs=queue,
        limits=limits,
        applications=ApplicationVideos(estimator, limits, PROVENANCE),
    )
    for module in (applications, jobs, uploads):
        monkeypatch.setattr(module, "current_service", lambda: state)
    yield Service(state)
    queue.close()


def test_applications_are_listed_with_parameters_and_limits(service: Service) -> None:
    (entry,) = service.ask("GET", "/apps").json()
    assert (entry["application"], entry["line"], entry["limits"]) == ("presence", "Says who.", list(Presence.limits))
    assert "alarm_after_s" in entry["params"]["properties"]


def test_tracks_get_the_answer_of_the_library(service: Service) -> None:
    tracks = made_up(2)
    answer = service.ask("POST", "/apps/presence", json=request_of(tracks, {"alarm_after_s": 0.2}))
    assert answer.status_code == 200, answer.text
    expected = run(Presence(alarm_after_s=0.2), stream_of_tracks(tracks, "request"))
    got = result_of(answer.json())
    assert got.summary == expected.summary
    assert got.events == expected.events
    assert got.frames == expected.frames == 12


def test_a_short_video_is_answered_at_once_and_a_long_one_is_a_job(service: Service, tmp_path: Path) -> None:
    for name, frames, status in (("short", 40, 200), ("long", 60, 202)):
        video = film(tmp_path / f"{name}.mp4", frames=frames, size=(320, 240))
        answer = service.ask("POST", "/apps/presence", files={"video": video.read_bytes()}, data={"params": "{}"})
        assert answer.status_code == status, answer.text
    job = service.state.jobs.get(answer.json()["job"])
    assert job.answered.wait(60)
    result = result_of(service.ask("GET", f"/jobs/{job.id}/result").json())
    assert [event.kind for event in result.events] == ["came", "stays"]
    overlay = tmp_path / "overlay.mp4"
    overlay.write_bytes(service.ask("GET", f"/jobs/{job.id}/overlay.mp4").content)
    assert probe(overlay).frames == 60
    assert service.ask("GET", f"/jobs/{job.id}").json()["progress"] == 1.0
    assert not list(job.folder.rglob("*.mp4.part"))
    assert not (job.folder / "upload").exists() or not list((job.folder / "upload").iterdir())


def test_a_video_gets_the_answer_that_a_file_gets(service: Service, tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4", frames=45, size=(320, 240))
    answer = service.ask("POST", "/apps/presence", files={"video": ("a.mp4", video.read_bytes())})
    with open_source(str(video), PoseEstimator.from_backend(BrightSquare())) as opened:
        assert result_of(answer.json()) == run(Presence(), opened.stream)


def test_an_application_has_the_poses_of_the_backend_that_suits_it(service: Service) -> None:
    videos: ApplicationVideos = service.state.applications
    packaged, application = videos.pose_estimator.estimator, Presence()
    assert videos.estimator_for(application) is packaged
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Presence, "backend", "posenet")
        other = videos.estimator_for(application)
        assert other is videos.estimator_for(application)
    assert other.params.backend == "posenet"
    assert other.params.tracking == packaged.params.tracking


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"params": {"alarm_s": 1}}, 422, "alarm_s"),
        ({"keypoints": None}, 422, "either `skeleton`"),
        ({"frame_times_s": [0.0]}, 422, "none of frame_times_s"),
        ({"frame_times_s": [0.0, 0.0]}, 422, "strictly increase"),
        ({"width_px": 0}, 400, "width_px"),
        ({"who": 1}, 400, "who"),
    ],
)
def test_what_does_not_fit_is_said(service: Service, change: dict[str, Any], status: int, sentence: str) -> None:
    answer = service.ask("POST", "/apps/presence", json=request_of(made_up(2), {}) | change)
    assert answer.status_code == status, answer.text
    assert sentence in answer.json()["error"]


def test_a_wrong_pose_names_its_person(service: Service) -> None:
    body = request_of(made_up(2), {})
    body["people"][1]["xy"] = np.zeros((2, 2)).tolist()
    answer = service.ask("POST", "/apps/presence", json=body)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("person 1: xy should be")


def test_wrong_uploads_leave_nothing(service: Service, tmp_path: Path) -> None:
    video = film(tmp_path / "a.mp4", frames=10, size=(320, 240)).read_bytes()
    for files, data, status in (
        ({"video": b"no video"}, {}, 422),
        ({"video": video}, {"params": "a: ["}, 422),
        ({"video": video}, {"params": "alarm_s: 3"}, 422),
        ({"video": video}, {"job": "perhaps"}, 400),
    ):
        answer = service.ask("POST", "/apps/presence", files=files, data=data)
        assert answer.status_code == status, answer.text
    assert service.state.jobs.under_way == 0
    longer = film(tmp_path / "b.mp4", frames=200)
    assert "up to 6 s" in service.ask("POST", "/apps/presence", files={"video": longer.read_bytes()}).json()["error"]


def test_an_unknown_application_is_404(service: Service) -> None:
    answer = service.ask("POST", "/apps/fall", json={})
    assert (answer.status_code, "there are presence" in answer.text) == (404, True)


def test_the_small_service_takes_no_videos(service: Service, tmp_path: Path) -> None:
    del service.state.applications
    answer = service.ask("POST", "/apps/presence", files={"video": b"x"})
    assert (answer.status_code, "takes keypoints" in answer.text) == (415, True)
