"""`posemill export edge`: the folder runs with numpy, OpenCV and OpenVINO alone, and says what is wrong with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from edge_exports import events_of, launch, small_export, start
from event_receivers import free_port
from posemill.code_digest import PACKAGE
from posemill.edge.model import EdgeModel
from posemill.edge.pose import NETWORKS
from posemill.errors import InputError, SkeletonError
from posemill.estimation.estimator import PoseEstimator
from posemill.features import FeaturePipeline, WindowSpec
from posemill.packaging.edge import choose_pose, require_edge
from posemill.packaging.edge_applications import choose_application
from posemill.pose.skeleton import BODY_12, SKELETONS
from posemill.prediction.model import ActivityModel
from posemill.synth.corpus import Plan, stage, write
from waiting import until


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_export(tmp_path_factory.mktemp("edge"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered person doing jumping jacks."""
    return write(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)), tmp_path_factory.mktemp("video"))


def test_the_model_answers_as_it_was_exported_with_no_other_package(export: Path) -> None:
    done = launch(export, "check")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["clips"] == 3
    assert said["largest_difference"] < 1e-4


def test_applications_run_without_an_activity_model(video: Path, tmp_path: Path) -> None:
    choices = [choose_application("fall", "bedroom"), choose_application("repetitions"), choose_application("yoga")]
    folder = small_export(tmp_path, activity=False, applications=choices)
    assert not any(folder.rglob("golden.json"))
    checked = json.loads(launch(folder, "check").stdout)
    assert (checked["clips"], checked["applications"]) == (0, ["fall", "repetitions", "yoga"])
    done = launch(folder, "run", str(video), "--http", "0", "--poses", "--threads", "1")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    (health,) = [line["event"]["details"] for line in lines if "event" in line and line["event"]["kind"] == "health"]
    (source,) = health["sources"].values()
    assert source["errors"] == 0
    assert source["latency_ms"].keys() >= {"track", "applications"}
    assert "prediction" not in source["latency_ms"]


def test_an_export_has_something_to_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add --app NAME"):
        small_export(tmp_path, activity=False)


def test_a_video_gives_events_and_poses(export: Path, video: Path) -> None:
    done = launch(export, "run", str(video), "--http", "0", "--poses", "--threads", "1")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    poses = [line for line in lines if line.get("type") == "poses"]
    assert len(poses) > 10
    assert sum(bool(line["people"]) for line in poses) > 0.8 * len(poses)
    events = [line["event"] for line in lines if "event" in line]
    health = next(e["details"] for e in events if e["kind"] == "health")
    (source,) = health["sources"].values()
    assert source["frames_posed"] == source["frames_read"] == len(poses)
    assert source["frames_dropped"] == source["errors"] == 0
    assert {"decode", "wait", "pose", "track", "features", "prediction", "events"} <= source["latency_ms"].keys()
    begun = {e["details"]["activity_id"] for e in events if e["kind"] == "began"}
    assert begun == {e["details"]["activity_id"] for e in events if e["kind"] == "ended"}


@pytest.mark.parametrize("network", NETWORKS)
def test_poses_are_those_of_the_platform(
    network: str, export: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSEMILL_HOME", str(tmp_path / "home"))
    folder = export if network == "posenet" else small_export(tmp_path, network, export / "model")
    image = next(stage(Plan(seed=5, subject=1, activity="jumping_jack", take=0)).images())
    estimator = PoseEstimator(network, long_edge_px=257, rotation_fallback_threshold=0.0, threads=1)
    (expected, *_), (given, *_) = estimator.predict([image])[0], EdgeModel.open(folder).pose(image)
    np.testing.assert_allclose(given.xy, expected.xy, atol=0.05)
    np.testing.assert_allclose(given.confidence, expected.confidence, atol=1e-3)


def test_health_metrics_preview_and_zones(export: Path, video: Path, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "cameras.toml"
    zone = '[[source.zone]]\nname = "all"\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n'
    config.write_text(
        f'state = "{tmp_path}/state"\nthreads = 1\n[http]\nport = {port}\npreview = true\n'
        f'[[source]]\nname = "door"\nurl = "{video}"\nrealtime = true\n{zone}'
    )
    process = start(export, "run", str(config))
    try:
        address = f"http://127.0.0.1:{port}"

        def get(path: str) -> bytes:
            with urllib.request.urlopen(f"{address}{path}", timeout=30) as answer:
                return answer.read()

        until(lambda: _answers(f"{address}/health"), 30)
        until(lambda: json.loads(get("/health"))["sources"]["door"]["frames_posed"] > 1)  # the first is shown by then
        assert get("/snapshot/door.jpg")[:2] == b"\xff\xd8"
        assert b'posemill_edge_frames_posed_total{source="door"}' in get("/metrics")
        assert b"zones.js" in get("/zones")
        assert b"snapshot/" in get("/zones.js")
        with urllib.request.urlopen(f"{address}/preview/door", timeout=30) as preview:
            assert "multipart/x-mixed-replace" in preview.headers["Content-Type"]
            assert b"image/jpeg" in preview.read(200)
        assert "no source none" in _refused(f"{address}/snapshot/none.jpg")
        until(lambda: json.loads(get("/health"))["outputs"]["events"] > 0)
    finally:
        process.terminate()
        lines, _ = process.communicate(timeout=30)
    kinds = [e["kind"] for e in (json.loads(line)["event"] for line in lines.splitlines())]
    assert kinds.count("entered") == kinds.count("left") == 1
    assert process.returncode == 0


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30):
            return True
    except OSError:
        return False


def _refused(url: str) -> str:
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(url, timeout=30):
        pass
    with refused.value:
        return refused.value.read().decode()


def test_a_lost_stream_is_reported_and_opened_again(export: Path, video: Path, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None and not os.environ.get("FFMPEG_REQUIRED"):
        pytest.skip("ffmpeg, which serves the stream, is not installed: `sh tools/test_tools.sh ffmpeg`")
    port = free_port()
    address = f"http://127.0.0.1:{port}/live"
    state = ("--state", str(tmp_path / "state"))
    with events_of(export, address, "--http", "0", "--threads", "1", *state) as came:
        until(lambda: [e["kind"] for e in came] == ["lost"])
        for round_ in (1, 2):
            server = _serve(video, address)
            until(lambda n=round_: [e["kind"] for e in came].count("recovered") == n)
            time.sleep(0.5)
            server.kill()
            server.wait()
            until(lambda n=round_: [e["kind"] for e in came].count("lost") == n + 1)
        away = [e["details"]["away_s"] for e in came if e["kind"] == "recovered"]
        assert max(away[1:]) < 10


def _serve(video: Path, address: str) -> subprocess.Popen[bytes]:
    """An HTTP server of ffmpeg's own, with a video over and over, at its own speed."""
    source = ["-re", "-stream_loop", "-1", "-i", str(video)]
    coding = ["-an", "-c:v", "mpeg2video", "-q:v", "4", "-f", "mpegts", "-listen", "1", address]
    return subprocess.Popen(["ffmpeg", "-v", "error", "-nostdin", *source, *coding])


def test_an_archive(export: Path, tmp_path: Path) -> None:
    target = small_export(tmp_path, "movenet", export / "model", target=tmp_path / "edge.tar.gz")
    with tarfile.open(target) as archive:
        archive.extractall(tmp_path / "there", filter="data")
    assert launch(tmp_path / "there" / "posemill-edge", "check").returncode == 0


def test_a_changed_folder_does_not_run(export: Path, tmp_path: Path) -> None:
    changed = small_export(tmp_path, "movenet", export / "model")
    classes = changed / "model" / "classes.json"
    classes.write_text(classes.read_text().replace("squat", "sit"))
    done = launch(changed, "run", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "model/classes.json should have SHA-256" in done.stderr
    assert "Traceback" not in done.stderr


def test_faults_of_a_run_are_sentences(export: Path, tmp_path: Path) -> None:
    for arguments, says in (
        (("run", "none.mp4"), "neither a camera's number, a URL nor a file"),
        (("run", "none.toml"), "there is no file none.toml"),
        (("run", "a.toml", "0"), "give it alone"),
        (("--manifest-sha256", "00", "check"), "SHA-256 should be 00"),
    ):
        done = launch(export, *arguments, cwd=tmp_path)
        assert done.returncode == 1
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_no_agpl_and_no_other_code_is_in_it(export: Path) -> None:
    modules = {path.relative_to(export / "lib") for path in (export / "lib").rglob("*.py")}
    names = {str(path) for path in modules}
    assert "posemill/edge/main.py" in names
    assert not any("openpifpaf" in name or "serving" in name for name in names)
    rooms = {path.parts[2] for path in modules if path.parts[:2] == ("posemill", "applications")}
    assert not any((PACKAGE / "applications" / room).is_dir() for room in rooms)  # none was asked for
    text = "".join(path.read_text() for path in (export / "lib" / "posemill").rglob("*.py"))
    assert "import openpifpaf" not in text


def test_what_the_edge_cannot_run_is_refused_in_a_sentence(export: Path) -> None:
    model = ActivityModel.load(export / "model")

    def of(features: FeaturePipeline) -> ActivityModel:
        return ActivityModel(features, model.classes, 1.0, {}, model.run)

    require_edge(of(FeaturePipeline(SKELETONS["coco-17"], WindowSpec())))
    with pytest.raises(InputError, match="x, y and z"):
        require_edge(of(FeaturePipeline(BODY_12, WindowSpec(), coordinates=3)))
    with pytest.raises(InputError, match="butterworth, which needs SciPy"):
        require_edge(of(FeaturePipeline(BODY_12, WindowSpec(smoothing="butterworth", smooth_s=0.1))))
    with pytest.raises(InputError, match="whole clips"):
        require_edge(of(FeaturePipeline(BODY_12, WindowSpec(sampling="clip"))))
    with pytest.raises(SkeletonError):
        require_edge(of(FeaturePipeline(SKELETONS["blazepose-33"], WindowSpec())))
    with pytest.raises(InputError, match="labelled by keypoint-rcnn"):
        choose_pose({"backend": "keypoint-rcnn", "params": {}}, None, None)
    assert choose_pose({"params": {"backend": "openpifpaf", "checkpoint": "posenet"}}, None, 257).network == "posenet"


def test_a_killed_launcher_ends_what_was_open_at_its_next_start(export: Path, video: Path, tmp_path: Path) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(
        f'state = "{tmp_path}/state"\nthreads = 1\n[http]\nport = 0\n'
        f'[[source]]\nname = "door"\nurl = "{video}"\nrealtime = true\n'
        '[[source.zone]]\nname = "all"\npolygon = [[0, 0], [1, 0], [1, 1], [0, 1]]\n'
    )
    process = start(export, "run", str(config))
    assert process.stdout is not None
    while (entered := json.loads(process.stdout.readline())["event"])["kind"] != "entered":
        pass
    process.kill()
    process.wait()
    process.stdout.close()
    done = launch(export, "run", str(config))
    first = json.loads(done.stdout.splitlines()[0])["event"]
    assert (first["kind"], first["person"], first["start_s"]) == ("left", entered["person"], entered["start_s"])
    assert first["details"] == {"zone": "all", "reason": "the runtime was stopped"}
