"""A real BentoML server that poses videos with the real labeller and answers for people.

Slow: only here can be shown that the service finds the very keypoints that labelled the training data, and that what
it stores of an upload always goes. The server is that of all tests of videos, see conftest.py.
"""

from __future__ import annotations

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from packaged import some_windows
from posemill.applications.live import open_source
from posemill.applications.registry import APPLICATIONS, find_application
from posemill.applications.run import run as run_application
from posemill.cli.main import cli
from posemill.errors import InputError
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.types import PoseBackend
from posemill.features.main_subject import main_subject
from posemill.params.label import LabelParams
from posemill.pose.gaps import found_only
from posemill.prediction import timeline
from posemill.prediction.model import ActivityModel
from posemill.serving.client import Client
from posemill.settings import Settings
from posemill.uat.run import run as run_scenarios
from posemill.uat.scenarios import read_scenarios
from posemill.uat.settings import AcceptanceSettings
from posemill.video.decode import read_frames
from posemill.video.draw import write_png
from posemill.video.encode import VideoWriter
from toy_workspace import REPOSITORY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("uploads_gone"),
    # OpenPifPaf's own plots, at its import, use what matplotlib will take away
    pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning"),
]


@pytest.fixture(scope="module")
def root(analysis_folder: Path) -> Path:
    return analysis_folder


@pytest.fixture(scope="module")
def backend(analysis_backend: PoseBackend) -> PoseBackend:
    return analysis_backend


@pytest.fixture(scope="module")
def client(analysis_client: Client) -> Client:
    return analysis_client


@pytest.fixture(scope="module")
def person(waving_person: Path) -> Path:
    return waving_person


@pytest.fixture(scope="module")
def nobody(root: Path) -> Path:
    """A rectangle that moves before a plain wall."""
    path = root / "nobody.mp4"
    with VideoWriter(path, 10.0, 160, 120) as video:
        for i in range(20):
            image = np.full((120, 160, 3), 90, np.uint8)
            image[40:60, 4 * i : 4 * i + 20] = 200
            video.write(image)
    return path


def form(client: Client, body: bytes, kind: str = "multipart/form-data; boundary=x") -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=60)
    try:
        connection.request("POST", "/analyse_video", body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_an_application_says_of_an_upload_what_it_says_of_the_file(
    client: Client, analysis_labels: LabelParams, person: Path
) -> None:
    for name in ("fall", "mocap"):
        application = find_application(name)()
        usual = {"runtime": "openvino", "long_edge_px": LabelParams().long_edge_px, "frame_stride": 1}
        estimator = PoseEstimator(application.backend, params=analysis_labels.model_copy(update=usual))
        answer = client.run_application(name, person)
        assert answer.provenance.bento is not None
        with open_source(str(person), estimator) as opened:
            expected = run_application(application, opened.stream)
        assert answer.model_dump(exclude={"provenance", "labeller"}) == expected.model_dump()
        assert answer.labeller == estimator.fingerprint
    assert {entry.application for entry in client.applications()} == set(APPLICATIONS)


def test_the_scenarios_of_the_example_are_accepted(client: Client, tmp_path: Path) -> None:
    example = REPOSITORY / "examples" / "applications"
    copied = tmp_path / "acceptance.yaml"
    copied.write_text((example / "acceptance.yaml").read_text())
    (synth,) = [line for line in (example / "README.md").read_text().splitlines() if line.startswith("posemill synth")]
    arguments = [*synth.split()[1:-1], str(tmp_path / "rendered"), "--quiet"]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    settings = Settings(workspace=tmp_path, home=tmp_path)
    accepted = run_scenarios(
        AcceptanceSettings(settings, scenarios=(copied,), service_url=client.url, report=tmp_path / "report")
    )
    assert accepted.report.passed, [f"{s.name}: {s.says}" for s in accepted.report.scenarios if not s.passed]
    assert {s.application for s in read_scenarios(copied)} == set(APPLICATIONS)


def test_the_service_sees_what_the_labeller_saw(
    client: Client, backend: PoseBackend, analysis_labels: LabelParams, root: Path, person: Path
) -> None:
    answer = client.analyse_video(person, tracks=True)
    tracks = PoseEstimator.from_backend(backend, analysis_labels).track(person)
    assert [p.person for p in answer.people] == [t.person for t in tracks.tracks]
    for got, wanted in zip(answer.people, map(found_only, tracks.tracks), strict=True):
        assert got.track is not None
        np.testing.assert_allclose(np.array(got.track.xy, np.float32), wanted.xy, atol=0.01)  # pixels
        assert got.poses == len(wanted)
    predictor = ActivityModel.load(root / "package")
    actor = main_subject(tracks)
    assert actor is not None
    assert answer.main_subject == actor.person
    wanted = timeline.verdict(
        predictor.window_probabilities(actor, 0.0, tracks.duration_s).probabilities, predictor.classes
    )
    assert wanted is not None
    assert answer.verdict is not None
    assert answer.verdict.probability == pytest.approx(wanted.probability, abs=1e-3)
    assert (answer.video.frames, answer.video.skeleton) == (tracks.frames, "coco-17")
    assert answer.receipt.labeller == predictor.digests["labeller"]


def test_a_video_without_people_is_no_error(client: Client, nobody: Path) -> None:
    answer = client.analyse_video(nobody)
    assert (answer.people, answer.verdict, answer.main_subject) == ([], None, None)
    assert answer.note == "nobody was found in this video"


def test_a_corrupt_upload_says_why(client: Client, person: Path, tmp_path: Path) -> None:
    cut, text, empty = tmp_path / "cut.mp4", tmp_path / "notes.mp4", tmp_path / "empty.mp4"
    cut.write_bytes(person.read_bytes()[: person.stat().st_size // 2])
    text.write_text("no video")
    empty.touch()
    for path, says in ((cut, "cut.mp4"), (text, "notes.mp4 is not a video"), (empty, "empty.mp4 is empty")):
        with pytest.raises(InputError, match=f"422: {says}"):
            client.analyse_video(path)


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (
            b'--x\r\nContent-Disposition: form-data; name="video"\r\n\r\nhttp://127.0.0.1:9/a.mp4\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            "no file",
        ),
        (b"--x--\r\n", "multipart/form-data; boundary=x", "no file"),
        (b'{"video": "http://127.0.0.1:9/a.mp4"}', "application/json", "send a form"),
        (b"rubbish", "multipart/form-data", "form cannot be read"),
        (b"rubbish", "multipart/form-data; boundary=x", "form cannot be read"),
    ],
)
def test_only_files_count(client: Client, body: bytes, kind: str, says: str) -> None:
    status, answer = form(client, body, kind)
    assert status == 400, answer
    assert list(answer) == ["error"]
    assert says in answer["error"]


@pytest.mark.parametrize("way", ["", "../" * 12], ids=["absolute", "upwards"])
def test_a_file_name_cannot_leave_its_folder(client: Client, nobody: Path, tmp_path: Path, way: str) -> None:
    target = tmp_path / "escaped.mp4"
    name = f"{way}{str(target).lstrip('/') if way else target}"
    head = f'--x\r\nContent-Disposition: form-data; name="video"; filename="{name}"\r\n\r\n'.encode()
    status, _ = form(client, head + nobody.read_bytes() + b"\r\n--x--\r\n")
    assert status == 200
    assert not target.exists()


def test_keypoints_are_answered_while_videos_are_posed(client: Client, root: Path, nobody: Path) -> None:
    wanted = ActivityModel.load(root / "package").probabilities(some_windows(1))
    with ThreadPoolExecutor(3) as pool:
        videos = [pool.submit(client.analyse_video, nobody) for _ in range(2)]
        windows = pool.submit(client.predict_windows, some_windows(1))
        np.testing.assert_allclose(windows.result().probabilities, wanted, atol=1e-5)
        assert {v.result().note for v in videos} == {"nobody was found in this video"}


def test_poses_of_a_picture_are_those_of_the_video(client: Client, person: Path, tmp_path: Path) -> None:
    frame = next(iter(read_frames(person, start=8)))
    write_png(tmp_path / "frame.png", frame.image)
    answer = client.analyse_image(tmp_path / "frame.png")
    assert (answer.image.height_px, answer.image.width_px) == frame.image.shape[:2]
    (track,) = (p.track for p in client.analyse_video(person, tracks=True).people[:1])
    assert track is not None
    row = int(np.argmin(np.abs(np.array(track.time_s) - frame.time_s)))
    np.testing.assert_allclose(np.array(answer.poses[0].xy, float), np.array(track.xy[row], float), atol=0.01)


def test_what_is_no_picture_says_why(client: Client, tmp_path: Path, person: Path) -> None:
    (tmp_path / "tiny.png").write_bytes(cv2.imencode(".png", np.zeros((3, 900, 3), np.uint8))[1].tobytes())
    with pytest.raises(InputError, match=r"422: tiny\.png has 900x3 pixels"):
        client.analyse_image(tmp_path / "tiny.png")
    with pytest.raises(InputError, match=r"422: .* is not a picture"):
        client.analyse_image(person)
