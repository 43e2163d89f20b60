"""The live page in a real Chromium: poses and activities of a rendered camera, a file, and teach mode to the platform.

Slow (a minute): what a browser does with a camera, a worker and its own security policy shows in a browser only.
One browser and one service for all tests.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from chromium import PATIENCE_MS, chromium, comes
from live_models import add_golden, gappy_track, golden_tracks, small_package
from packaged import CLASSES
from posemill import live_page
from posemill.errors import InputError
from posemill.features import WindowSpec
from posemill.ingest.datasets import table
from posemill.ingest.datasets import taught as taught_data
from posemill.packaging import browser_answers
from posemill.packaging.browser import export_browser
from posemill.packaging.taught import package_taught
from posemill.pose.track import PoseTrack
from posemill.prediction.golden import GoldenTrack, answer
from posemill.prediction.model import ActivityModel
from posemill.prediction.taught import read_taught
from posemill.serving.app import create_app
from posemill.serving.routers import live_page as router
from stand_in_service import serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    Open = Callable[..., Page]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not live_page.files(), reason="the live page was not built: make web"),
]
SPEC = WindowSpec(duration_s=1.0, stride_s=0.25, rate_hz=12.0, smooth_s=0.08)
# a busy machine sees few frames a second; people are told apart by the film's own times
SLOWLY = "addEventListener('DOMContentLoaded', () => (document.getElementById('video').defaultPlaybackRate = 0.5))"
EXPORTED = "scales"  # the one that is a whole export
SPECS = {
    "gaussian": SPEC,
    "scales": WindowSpec(duration_s=1.5, stride_s=0.5, rate_hz=16.0, scales=(0.5, 1.0, 2.0), gap_s=0.3),
    "butterworth": WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=12.0, smooth_s=0.1, smoothing="butterworth"),
    "kalman": WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=12.0, smooth_s=0.1, smoothing="kalman"),
    "one_euro": WindowSpec(duration_s=1.0, stride_s=0.5, rate_hz=12.0, smooth_s=0.1, smoothing="one_euro"),
    "clip": WindowSpec(sampling="clip", clip_frames=32, smooth_s=0.05),
    "still": WindowSpec(sampling="still", clip_frames=16, duration_s=0.5, stride_s=0.25),
}


@dataclass(slots=True)
class Material:
    """A folder of models by name, and rendered clips."""

    folder: Path
    camera: Path
    clips: dict[str, Path]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    import cv2

    from posemill.synth.corpus import Plan, stage, write
    from posemill.synth.crossing import crossing
    from posemill.video.encode import VideoWriter

    folder = tmp_path_factory.mktemp("live")
    for name, spec in SPECS.items():
        small_package(folder / name, spec)
        add_golden(folder / name)
    export_browser(folder / EXPORTED, folder / "export", ActivityModel.load(folder / EXPORTED), golden_tracks())
    camera, scene = folder / "camera.mjpeg", crossing(4)
    clips = {"crossing": folder / "crossing.mp4"}
    with camera.open("wb") as file, VideoWriter(clips["crossing"], scene.fps, 640, 360) as video:
        for image in scene.images():
            file.write(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
            video.write(image)
    for activity in ("jumping_jack", "idle"):
        for subject in (3, 7):
            clip = stage(Plan(11, subject, activity, 0, 2.0))
            clips[f"{activity}-{subject}"] = write(clip, folder)
    return Material(folder, camera, clips)


class _Service:
    """What the router asks of a service: the folder of its model."""

    folder: Path


@pytest.fixture(scope="module")
def address(material: Material) -> Iterator[str]:
    from starlette.staticfiles import StaticFiles

    _Service.folder = material.folder / "gaussian"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(router, "current_service", lambda: _Service)
        app = create_app("test", [router.router])
        app.mount("/models", StaticFiles(directory=material.folder))
        with serving(app) as address:
            yield address


@pytest.fixture(scope="module")
def browser(material: Material) -> Iterator[Browser]:
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={material.camera}")
    with chromium(*flags, "--enable-precise-memory-info") as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Open]:
    """Opens the page; a test fails when the page logs an error, breaks its policy or asks another host."""
    faults: list[str] = []
    hosts: set[str] = set()
    contexts: list[BrowserContext] = []

    def opened(
        width: int = 1280,
        height: int = 900,
        path: str = "/live-page/",
        script: str = "",
        camera: bool = True,
        ready: bool = True,
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        contexts.append(context)
        if camera:
            context.grant_permissions(["camera"], origin=address)
        if script:
            context.add_init_script(script)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" and "404" not in m.text else None)
        page.on("request", lambda r: hosts.add(urlsplit(r.url).netloc) if not r.url.startswith("blob:") else None)
        page.goto(address + path)
        if ready:
            expect(page.locator("#state")).to_have_text("Ready")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
    assert hosts <= {urlsplit(address).netloc}


def expect(of: Any) -> Any:
    from playwright.sync_api import expect

    return expect(of)


def watch(page: Page) -> None:
    page.click("#camera")
    expect(page.locator("#meter")).to_be_visible()


def number(page: Page, name: str) -> float:
    value = page.locator("#meter").get_attribute(f"data-{name}", timeout=PATIENCE_MS)
    return float(value or "nan")


def ask(page: Page, calls: list[dict[str, Any]], worker: str = "activity.worker.js") -> list[Any]:
    """Answers of a fresh worker to messages, one after the other."""
    script = """async ([url, calls]) => {
      const worker = new Worker(url, { type: 'module' });
      const answers = [];
      for (const [id, call] of calls.entries()) {
        if (call.track) call.track = { times: Float64Array.from(call.track.times),
          xy: Float32Array.from(call.track.xy, (v) => v ?? NaN), confidence: Float32Array.from(call.track.confidence) };
        answers.push(await new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data);
          worker.postMessage({ id, ...call });
        }));
      }
      worker.terminate();
      return answers;
    }"""
    base = page.url.split("/live-page/")[0] + "/live-page/"
    return [a.get("error") or a["answer"] for a in page.evaluate(script, [base + worker, calls])]


def sent(track: PoseTrack) -> dict[str, Any]:
    found = track.rows(track.state != 1)
    xy = [None if v != v else float(v) for v in found.xy.ravel()]
    return {"times": found.time_s.tolist(), "xy": xy, "confidence": found.confidence.ravel().tolist()}


def test_a_headless_browser_answers_golden_clips_for_the_platform(material: Material) -> None:
    model, tracks = ActivityModel.load(material.folder / EXPORTED), golden_tracks()
    if not any(shutil.which(name) for name in browser_answers.BROWSERS):
        pytest.skip("no browser")
    given = browser_answers.browser_answers(material.folder / "export", model, tracks)
    for track, clip in zip(tracks, given, strict=True):
        wanted = answer(model, track)
        assert wanted.verdict is not None
        assert clip.verdict is not None
        assert np.allclose(clip.spans, wanted.spans)
        assert np.abs(clip.probabilities - wanted.probabilities).max() < 1e-4
        assert clip.verdict["activity"] == wanted.verdict["activity"]
        assert [s["activity"] for s in clip.timeline] == [s["activity"] for s in wanted.timeline]
    with pytest.raises(InputError, match="other golden clips"):
        browser_answers.browser_answers(
            material.folder / "export", model, [GoldenTrack("other", gappy_track(1), 640, 480)]
        )


@pytest.mark.parametrize("name", SPECS)
def test_every_kind_of_window_gets_the_platforms_answers(
    opened: Open, address: str, material: Material, name: str
) -> None:
    page, track = opened(path="/live-page/licences.txt", ready=False), gappy_track(5)
    folder = f"{address}/models/{name}/"
    asked = {"type": "track", "which": "packaged", "track": sent(track)}
    _, golden, answer = ask(page, [{"type": "load", "folder": folder}, {"type": "golden", "folder": folder}, asked])
    assert golden["different"] == []
    assert golden["windows"] >= 3
    assert golden["probability"] < 1e-4
    assert golden["input"] < 1e-3

    # and a track of its own, whose windows are laid by the page
    wanted = ActivityModel.load(material.folder / name).predict_track(track)
    assert wanted.verdict is not None
    assert np.allclose(answer["spans"], [(w.start_s, w.end_s) for w in wanted.windows])
    assert np.allclose(answer["probabilities"], [list(w.probabilities.values()) for w in wanted.windows], atol=1e-4)
    assert answer["verdict"]["activity"] == wanted.verdict.activity
    assert answer["verdict"]["abstained"] == wanted.verdict.abstained
    segments = [(s["start_s"], s["end_s"], s["activity"]) for s in answer["segments"]]
    assert segments == [(pytest.approx(s.start_s), pytest.approx(s.end_s), s.activity) for s in wanted.segments]


def test_a_class_list_that_does_not_fit_is_refused(opened: Open, address: str, material: Material) -> None:
    folder = material.folder / "other-classes"
    shutil.copytree(material.folder / "gaussian", folder)
    (folder / "classes.json").write_text('["one", "two"]')
    digests = json.loads((folder / "digests.json").read_text())
    digests["classes"] = hashlib.sha256((folder / "classes.json").read_bytes()).hexdigest()
    (folder / "digests.json").write_text(json.dumps(digests))
    page = opened(path="/live-page/licences.txt", ready=False)
    (refused,) = ask(page, [{"type": "load", "folder": f"{address}/models/{folder.name}/"}])
    assert "3 outputs, its classes.json 2 names" in refused


@pytest.mark.parametrize("broken", ["features.json", "activity.onnx"])
def test_a_tampered_model_is_refused(opened: Open, address: str, material: Material, broken: str) -> None:
    folder = material.folder / f"tampered-{broken}"
    shutil.copytree(material.folder / "gaussian", folder, dirs_exist_ok=True)
    with (folder / broken).open("ab") as file:
        file.write(b" ")
    page = opened(path="/live-page/licences.txt", ready=False)
    (refused,) = ask(page, [{"type": "load", "folder": f"{address}/models/{folder.name}/"}])
    assert f"{broken} is damaged or was changed" in refused


def test_a_camera_gives_poses_activities_events_and_a_track(opened: Open, tmp_path: Path) -> None:
    page = opened()
    watch(page)
    comes(page, lambda: page.locator("#bars .track").count() == len(CLASSES))
    comes(page, lambda: "%" in page.locator("#bars").inner_text())
    expect(page.locator("#events")).to_contain_text("Person 1 is there")
    page.click("#about summary")
    page.click("#check")
    expect(page.locator("#checked")).to_contain_text("The same as on the platform")
    with page.expect_download() as download:
        page.click("#save-track")
    download.value.save_as(tmp_path / "track.csv")
    (recorded,) = table.sequences(tmp_path / "track.csv", table.TableDefaults("live"))
    assert not isinstance(recorded, table.Fault), recorded
    track = recorded.tracks.tracks[0]
    assert len(track) >= 5
    assert (recorded.tracks.width_px, recorded.tracks.height_px) == (640, 360)
    assert np.nanmax(track.xy[..., 0]) < 640
    page.click("#stop")
    expect(page.locator("#empty")).to_be_visible()


def test_several_people_keep_their_numbers_while_they_cross(opened: Open, material: Material) -> None:
    page = opened(script=SLOWLY)
    page.select_option("#network", "multipose")
    expect(page.locator("#state")).to_have_text("Ready")
    page.set_input_files("#file", material.clips["crossing"])
    expect(page.locator("#people button")).to_have_count(2)
    expect(page.locator("#empty")).to_be_visible()
    told = page.locator("#events").inner_text()
    assert "Person 2 has gone" in told
    assert "Person 3" not in told


def test_posenet_finds_several_people(opened: Open) -> None:
    page = opened()
    page.select_option("#network", "posenet")
    expect(page.locator("#state")).to_have_text("Ready")
    watch(page)
    expect(page.locator("#people button")).to_have_count(2)


def test_a_video_file_is_watched_to_its_end(opened: Open, material: Material) -> None:
    page = opened(390, 844)
    page.set_input_files("#file", material.clips["jumping_jack-3"])
    expect(page.locator("#events")).to_contain_text("Person 1 has gone")
    expect(page.locator("#save-track")).to_be_enabled()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_file_that_is_no_video_is_refused(opened: Open) -> None:
    page = opened()
    page.set_input_files("#file", {"name": "a.mp4", "mimeType": "video/mp4", "buffer": b"no video"})
    expect(page.locator("#alert")).to_contain_text("cannot be played")


def test_without_permission_or_after_a_loss_the_page_says_what_to_do(opened: Open) -> None:
    page = opened(camera=False)
    page.click("#camera")
    expect(page.locator("#alert")).to_contain_text("The camera was not allowed")
    page = opened()
    watch(page)
    page.evaluate("document.querySelector('#video').srcObject.getVideoTracks()[0].dispatchEvent(new Event('ended'))")
    expect(page.locator("#alert")).to_contain_text("The camera was lost")
    expect(page.locator("#save-track")).to_be_enabled()
    watch(page)  # and it goes on


def test_without_webassembly_the_page_says_what_it_needs(opened: Open) -> None:
    page = opened(script="delete window.WebAssembly", ready=False)
    expect(page.locator("#alert")).to_contain_text("no WebAssembly")
    expect(page.locator("#camera")).to_be_disabled()


def test_it_goes_on_without_a_network_and_without_growing(opened: Open) -> None:
    page = opened()
    page.context.set_offline(True)
    watch(page)
    comes(page, lambda: "%" in page.locator("#bars").inner_text())
    heap = [_heap(page)]
    page.wait_for_timeout(6000)
    heap.append(_heap(page))
    assert heap[1] - heap[0] < 2 * 2**20
    assert number(page, "poses") > 30


def _heap(page: Page) -> float:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return float(metrics["JSHeapUsedSize"])


def teach(page: Page, material: Material) -> None:
    page.click("#tab-teach")
    for activity in ("jumping_jack", "idle"):
        page.fill("#class-name", activity.replace("_", " "))
        page.press("#class-name", "Enter")
    for i, activity in enumerate(("jumping_jack", "idle")):
        for subject in (3, 7):
            page.fill("#subject", f"person {subject}")
            before = page.locator(f"#classes li:nth-child({i + 1}) .shot").count()
            page.set_input_files(f"#videos-{i}", material.clips[f"{activity}-{subject}"])
            expect(page.locator(f"#classes li:nth-child({i + 1}) .shot")).to_have_count(before + 1)


def test_what_is_taught_becomes_tracks_and_a_model_of_the_platform(
    opened: Open, material: Material, tmp_path: Path
) -> None:
    page = opened()
    teach(page, material)
    page.click("#train")
    expect(page.locator("#trained")).to_contain_text("Trained in")
    with page.expect_download() as download:
        page.click("#save-taught")
    file = tmp_path / "taught.json"
    download.value.save_as(file)

    examples = list(taught_data.sequences(file, dataset="taught"))
    assert sorted((s.activity, s.subject) for s in examples if isinstance(s, taught_data.Sequence)) == [
        ("idle", "taught/person 3"),
        ("idle", "taught/person 7"),
        ("jumping_jack", "taught/person 3"),
        ("jumping_jack", "taught/person 7"),
    ]
    content = read_taught(file)
    assert content.model is not None
    package_taught(content.model, content.pose_network, tmp_path / "package")
    model = ActivityModel.load(tmp_path / "package")
    taught_model = json.loads(file.read_text())["model"]
    for example in content.examples:
        track = example.tracks(content.body).tracks[0]
        _, answer = ask(
            page,
            [{"type": "teach", "taught": taught_model}, {"type": "track", "which": "taught", "track": sent(track)}],
        )
        wanted = model.predict_track(track)
        assert wanted.verdict is not None
        assert wanted.verdict.activity == answer["verdict"]["activity"] == example.activity
        assert np.allclose(answer["verdict"]["probabilities"], list(wanted.verdict.probabilities.values()), atol=1e-4)

    page = opened()  # and a download goes on in another session
    page.click("#tab-teach")
    page.set_input_files("#open-taught", file)
    expect(page.locator("#classes .shot")).to_have_count(4)
    expect(page.locator("#which")).to_have_value("taught")


def test_on_a_phone_who_records_an_example_sees_the_picture(opened: Open) -> None:
    page = opened(390, 844)
    watch(page)
    page.click("#tab-teach")
    page.evaluate("document.getElementById('train').scrollIntoView()")
    stage = page.locator("#stage").bounding_box()
    assert stage is not None
    assert 0 <= stage["y"] < 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_pose_is_recorded_by_keyboard(opened: Open, material: Material) -> None:
    page = opened(script=SLOWLY)
    page.focus("#camera")
    page.keyboard.press("Enter")
    expect(page.locator("#meter")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#empty")).to_be_visible()
    page.focus("#tab-watch")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#teach")).to_be_visible()
    page.fill("#class-name", "stand")
    page.keyboard.press("Enter")
    page.select_option("#countdown", "0")
    record = page.get_by_role("button", name="Record a pose of Stand")
    record.press("Enter")
    expect(page.locator("#alert")).to_contain_text("no picture to record from")
    page.set_input_files("#file", material.clips["idle-3"])
    record.press("Enter")
    expect(page.locator("#classes .shot")).to_have_count(1)
