"""A real BentoML server with the small activity service, built from bentofile.yaml. One server for all tests.

Slow: only a real server shows what BentoML does to a body before our code sees it (reshaping, NaN, no size limit,
errors as lists), and only a real one starts its worker again and again; 20 s for all of it.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from safetensors.numpy import load

from made_up_tracks import made_up
from packaged import ABSTAIN_BELOW, CLASSES, SPEC, some_windows, walking_track, write_package
from posemill import live_page
from posemill.applications.registry import APPLICATIONS, find_application
from posemill.applications.run import run
from posemill.applications.sources import stream_of_tracks
from posemill.errors import InputError, PosemillError
from posemill.packaging import bento
from posemill.pose.skeleton import BODY_12, COCO_17
from posemill.prediction.model import ActivityModel
from posemill.serving import arrays, npz, tensors
from posemill.serving.client import Client
from posemill.serving.schemas.activity import Version
from posemill.serving.server import command, free_port, run_in_foreground, serving

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, dict[str, str]]]:
    """Package folder, home and tags; BENTOML_HOME of the person who runs the tests is never touched."""
    root = tmp_path_factory.mktemp("bento")
    write_package(root / "package")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("BENTOML_HOME", raising=False)
        yield root / "package", root / "home", bento.build(root / "package", REPOSITORY, root / "home")


@pytest.fixture(scope="module")
def client(built: tuple[Path, Path, dict[str, str]]) -> Iterator[Client]:
    _, home, tags = built
    with serving(tags["activity"], bento.environment(home)) as running:
        yield running


def send(client: Client, route: str, body: bytes | Iterator[bytes], **headers: str) -> tuple[int, object]:
    connection = http.client.HTTPConnection(urlsplit(client.url).netloc, timeout=30)
    try:
        connection.request("POST", route, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_building_again_finds_the_same_bento(built: tuple[Path, Path, dict[str, str]]) -> None:
    package, home, tags = built
    before = sorted(p.stat().st_mtime_ns for p in (home / "bentoml").rglob("bento.yaml"))
    assert bento.build(package, REPOSITORY, home) == tags
    assert sorted(p.stat().st_mtime_ns for p in (home / "bentoml").rglob("bento.yaml")) == before


def test_the_activity_bento_carries_only_what_it_needs(built: tuple[Path, Path, dict[str, str]]) -> None:
    _, home, tags = built
    source = home / "bentoml" / "bentos" / tags["activity"].replace(":", "/") / "src" / "posemill"
    rooms = {"applications", "delivery", "pose", "features", "live_page", "prediction", "serving", "store", "telemetry"}
    assert {p.name for p in source.iterdir() if p.is_dir()} == rooms
    requirements = (source.parents[1] / "env" / "python" / "requirements.txt").read_text()
    assert "onnxruntime" in requirements
    assert "torch" not in requirements
    assert "openpifpaf" not in requirements


@pytest.mark.skipif(not live_page.files(), reason="the live page was not built: make web")
def test_the_live_page_comes_with_this_model(built: tuple[Path, Path, dict[str, str]], client: Client) -> None:
    page = urllib.request.urlopen(f"{client.url}/live-page/", timeout=30)
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    sent = urllib.request.urlopen(f"{client.url}/live-page/model/activity.onnx", timeout=30).read()
    assert sent == (built[0] / "activity.onnx").read_bytes()


def test_every_application_runs_on_tracks(client: Client) -> None:
    tracks = made_up(1, people=1, frames=200, unseen=0)
    assert [entry.application for entry in client.applications()] == list(APPLICATIONS)
    for name in APPLICATIONS:
        answer = client.run_application(name, tracks)
        expected = run(find_application(name)(), stream_of_tracks(tracks, "request"))
        assert answer.summary == expected.summary
        assert answer.events == expected.events
    with pytest.raises(InputError, match="there is no application 'fal'"):
        client.run_application("fal", tracks)


def test_windows_get_the_predictors_answer(built: tuple[Path, Path, dict[str, str]], client: Client) -> None:
    predictor = ActivityModel.load(built[0])
    windows = some_windows()
    answer = client.predict_windows(windows)
    wanted = predictor.probabilities(windows)
    np.testing.assert_allclose(answer.probabilities, wanted, atol=1e-5)
    assert answer.activities == [CLASSES[i] for i in wanted.argmax(1)]
    assert len(set(answer.activities)) > 1  # otherwise a constant would pass
    assert answer.provenance.bento == built[2]["activity"]
    assert answer.provenance.model == predictor.digests["model"]
    assert answer.abstained == (wanted.max(1) < ABSTAIN_BELOW).tolist()
    assert 0 < sum(answer.abstained) < len(answer.abstained)
    assert client.predict_windows(windows, binary=False) == answer


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_archives_in_and_out(built: tuple[Path, Path, dict[str, str]], client: Client, kind: type) -> None:
    windows = some_windows()[:5].astype(kind)
    headers = {"Content-Type": npz.MEDIA_TYPE, "Accept": npz.MEDIA_TYPE}
    request = urllib.request.Request(f"{client.url}/predict_windows", npz.write({"windows": windows}), headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Type"] == npz.MEDIA_TYPE
        got = np.load(io.BytesIO(answer.read()), allow_pickle=False)
    wanted = ActivityModel.load(built[0]).probabilities(windows.astype(np.float32))
    np.testing.assert_allclose(got["probabilities"], wanted, atol=1e-5)
    assert got["best"].tolist() == wanted.argmax(1).tolist()
    assert got["abstained"].tolist() == (wanted.max(1) < ABSTAIN_BELOW).tolist()
    assert json.loads(str(got["classes"])) == list(CLASSES)
    assert json.loads(str(got["receipt"]))["bento"] == built[2]["activity"]
    body, headers = tensors.write({"windows": windows}), dict.fromkeys(headers, tensors.MEDIA_TYPE)
    with urllib.request.urlopen(urllib.request.Request(f"{client.url}/predict_windows", body, headers)) as answer:
        tensors_got = load(answer.read())
    for name in ("probabilities", "best", "abstained"):
        np.testing.assert_array_equal(tensors_got[name], got[name])


def test_archives_are_checked_as_json_is(client: Client) -> None:
    bent = some_windows()[:1].astype(np.float32)
    bent[0, 0, 0] = np.inf
    for form, body, says in (
        (npz, b"PK", "no archive"),
        (npz, npz.write({"windows": bent}), "finite"),
        (tensors, b"PK", "another kind of file"),
        (tensors, tensors.write({"windows": bent}), "finite"),
    ):
        status, answer = send(client, "/predict_windows", body, **{"Content-Type": form.MEDIA_TYPE})
        assert status == 422
        assert says in str(answer)


def read(client: Client, path: str) -> str:
    with urllib.request.urlopen(client.url + path) as answer:
        return str(answer.read().decode())


def test_version_names_the_bento_its_provenance_and_licence(
    built: tuple[Path, Path, dict[str, str]], client: Client
) -> None:
    version = Version.model_validate_json(read(client, "/version"))
    fields = version.provenance.model_dump(mode="json")
    assert version.receipt == version.provenance  # its former name
    told = fields.pop("id")
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    assert told == hashlib.sha256(canonical.encode()).hexdigest()[:16]
    assert version.bento == fields["bento"] == built[2]["activity"]
    assert version.licence == "Apache-2.0"
    assert {"/predict_windows", "/predict_track", "/metrics", "/version"} <= set(version.endpoints)
    description = json.loads(read(client, "/docs.json"))
    assert set(description["paths"]["/predict_windows"]["post"]["requestBody"]["content"]) == {
        "application/json",
        npz.MEDIA_TYPE,
        tensors.MEDIA_TYPE,
    }
    missing = set(version.endpoints) - set(description["paths"])
    assert not missing, missing
    page = read(client, "/docs")
    assert "http" not in page.replace("http-equiv", "")  # nothing from elsewhere


def test_metrics_count_by_endpoint_and_not_by_whatever_strangers_ask(client: Client) -> None:
    for i in range(3):
        assert send(client, f"/made/up/{i}", b"{}")[0] == 404
    client.predict_windows(some_windows())
    text = read(client, "/metrics")
    assert "/made/up" not in text
    assert 'posemill_request_seconds_count{endpoint="other",status="404"}' in text
    assert 'posemill_request_seconds_count{endpoint="/predict_windows",status="200"}' in text
    for name in ("abstentions_total", "confidence_bucket", "windows_per_request_sum", "waiting_windows"):
        assert f"posemill_{name}" in text
    assert sum(line.startswith("posemill_predictions_total{") for line in text.splitlines()) == len(CLASSES)


def test_a_changed_file_stops_the_server_with_its_sentence(built: tuple[Path, Path, dict[str, str]]) -> None:
    _, home, tags = built
    file = home / "bentoml" / "models" / tags["model"].replace(":", "/") / "calibration.json"
    whole = file.read_text()
    said: list[str] = []
    file.write_text(whole.replace("1.5", "1.0"))
    port = free_port()
    try:
        with pytest.raises(PosemillError, match=r"does not start: .*calibration\.json: SHA-256 should be"):
            run_in_foreground(
                command(tags["activity"], port), bento.environment(home), f"http://127.0.0.1:{port}", said.append
            )
    finally:
        file.write_text(whole)
    assert sum("Application startup failed" in line for line in said) == 1  # and not again and again


@pytest.mark.parametrize("fps", [12.5, 60.0])
def test_a_track_of_another_skeleton_and_rate(
    built: tuple[Path, Path, dict[str, str]], client: Client, fps: float
) -> None:
    track = walking_track(COCO_17, fps=fps, seconds=4.0)
    answer = client.predict_track(track)
    wanted = ActivityModel.load(built[0]).window_probabilities(track).probabilities
    assert [w.probability for w in answer.windows] == pytest.approx(wanted.max(1), abs=1e-5)
    assert answer.verdict is not None
    assert answer.segments[0].start_s == pytest.approx(0.0)
    assert answer.segments[-1].end_s == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize("frames", [0, 1, 2, 700])
def test_tracks_of_any_length(client: Client, frames: int) -> None:
    track = walking_track(seconds=frames / 25.0)
    answer = client.predict_track(track)
    assert (answer.verdict is None) == (frames < 12)
    assert (answer.note is not None) == (frames < 12)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((2, SPEC.frames, 17, 3), "came as"),
        ((SPEC.frames, 12, 3), "came as"),
        ((2, 12, SPEC.frames + 1, 3), "came as"),
        ((0,), "came as"),
        ((2, 3, SPEC.frames, 12), "came as"),
    ],
)
def test_wrong_shapes_are_never_reshaped(client: Client, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(InputError, match=rf"422: windows should be \(N, {SPEC.frames}, 12, 3\).*{says}"):
        client.predict_windows(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"windows": [[[[NaN, 1, 1]]]]}', 400, "null, not NaN"),
        (b'{"windows": [[[[1e999, 1, 1]]]]}', 422, "finite"),
        (b'{"windows": [[1, 2], [3]]}', 422, "differ in length"),
        (b'{"windows": [[["a"]]]}', 422, "something else"),
        (b'{"windows": {"a": 1}}', 422, "something else"),
        (b'{"windows": 3', 400, "not JSON"),
        (b"", 400, "not JSON"),
        (b"[1]", 400, ""),
        (b"{}", 400, "windows: Field required"),
        (b'{"windows": [], "window": 1}', 400, "window: Extra inputs"),
    ],
)
def test_every_refusal_is_one_sentence(client: Client, body: bytes, status: int, says: str) -> None:
    got, answer = send(client, "/predict_windows", body)
    assert got == status, answer
    assert isinstance(answer, dict)
    assert list(answer) == ["error"]
    assert says in answer["error"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"skeleton": "coco-18", "keypoints": None}, "unknown skeleton 'coco-18'; known are coco-17"),
        ({"keypoints": ["nose", *BODY_12.keypoints[1:]]}, "cannot become body-12: it has no left_shoulder"),
        ({"keypoints": None}, "either `skeleton`"),
        ({"time_s": [0.0, 0.0]}, "strictly increase"),
        ({"time_s": [0.0, None]}, "without gaps"),
        ({"xy": [[[1.0, None]] * 12] * 2}, "null for both"),
        ({"xy": [[[1.0, 2.0]] * 11] * 2}, "xy should be (2, 12, 2)"),
        ({"confidence": [[2.0] * 12] * 2}, "from 0 to 1"),
    ],
)
def test_tracks_that_do_not_fit(client: Client, change: dict[str, object], says: str) -> None:
    body = {"keypoints": list(BODY_12.keypoints), "time_s": [0.0, 0.1], "xy": [[[1.0, 2.0]] * 12] * 2, **change}
    status, answer = send(client, "/predict_track", json.dumps(body).encode())
    assert status == 422
    assert isinstance(answer, dict)
    assert says in answer["error"]


def test_marks_encodings_and_the_case_of_headers(built: tuple[Path, Path, dict[str, str]], client: Client) -> None:
    """JSON as editors save it, and headers in any case, are the same; what is not read names its cause."""
    body = json.dumps({"windows": arrays.with_nulls(some_windows(1))}).encode()
    wanted = send(client, "/predict_windows", body)
    assert wanted[0] == 200
    assert send(client, "/predict_windows", b"\xef\xbb\xbf" + body) == wanted
    for media_type in ("APPLICATION/JSON", "Application/Json; Charset=UTF-8"):
        assert send(client, "/predict_windows", body, **{"content-TYPE": media_type}) == wanted
    status, says = send(client, "/predict_windows", json.dumps({"windows": []}).encode("utf-16"))
    assert (status, says) == (400, {"error": "the body is JSON in UTF-16: send it in UTF-8"})
    status, says = send(client, "/predict_windows", gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert (status, says) == (
        415,
        {"error": "the body is compressed (gzip), which is not read here: send it as it is"},
    )


def test_a_huge_body_is_refused_with_and_without_a_length(client: Client) -> None:
    status, answer = send(client, "/predict_windows", b"x", **{"Content-Length": str(2**40)})
    assert status == 413
    assert "larger than 32 MiB" in str(answer)

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 2**20

    try:
        status, answer = send(client, "/predict_windows", endless())
        assert status == 413, answer
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server hung up while we were still sending, which is as good
    assert client.ready()


def test_unknown_address_and_method(client: Client) -> None:
    says = "there is nothing at /nothing; see /docs for what there is"
    assert send(client, "/nothing", b"{}") == (404, {"error": says})


def test_many_at_once_each_get_their_own(built: tuple[Path, Path, dict[str, str]], client: Client) -> None:
    windows = some_windows(16)
    wanted = ActivityModel.load(built[0]).probabilities(windows)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: client.predict_windows(windows[i : i + 1]), range(16)))
    np.testing.assert_allclose([a.probabilities[0] for a in answers], wanted, atol=1e-5)
