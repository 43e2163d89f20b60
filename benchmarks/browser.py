"""The live page in Chromium: frames per second beside TensorFlow.js' own loop, teach mode, and the heap over minutes.

    python benchmarks/browser.py                     frames per second, interleaved with the reference loop
    python benchmarks/browser.py --teach             and teach mode: ten examples of each of four classes
    python benchmarks/browser.py --minutes 10        and how much the heap grows while a camera is watched
    python benchmarks/browser.py --json              the last line is one JSON object

Needs Chromium, and Node for the bundle of the reference loop (web/bench). All people are rendered; those of the test of
teach mode are other people before other cameras than those that it was taught with.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from chromium import chromium  # noqa: E402
from live_models import small_package  # noqa: E402
from posemill import live_page  # noqa: E402
from posemill.features import WindowSpec  # noqa: E402
from posemill.packaging.taught import package_taught  # noqa: E402
from posemill.prediction.model import ActivityModel  # noqa: E402
from posemill.prediction.taught import TaughtFile, read_taught  # noqa: E402
from posemill.synth.corpus import Plan, stage, write  # noqa: E402
from stand_in_service import serving  # noqa: E402

SIZE = (640, 480)
FPS = 30
SECONDS = 8.0  # of each measurement, after the first frames
ROUNDS = 3
NETWORKS = ("movenet", "posenet", "multipose")
CLASSES = ("idle", "arm_raise", "squat", "wave")
TAUGHT, TESTED = (1, 2, 3, 4, 5), (21, 22, 23, 24, 25, 26)  # subjects; each taught one shows every class twice
SEED = 77
PATIENCE_MS = 120_000


def camera_file(path: Path) -> None:
    """Render somebody who does jumping jacks, as 30 pictures a second of 640 x 480."""
    clip = stage(Plan(11, 3, "jumping_jack", 0, 4.0))
    images = list(clip.images())
    with path.open("wb") as file:
        for at in (np.arange(0, len(images) / clip.fps, 1 / FPS) * clip.fps).astype(int):
            height, width = images[at].shape[:2]
            scale = min(SIZE[0] / width, SIZE[1] / height)
            small = cv2.resize(images[at], (round(width * scale), round(height * scale)))
            canvas = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
            y, x = (SIZE[1] - small.shape[0]) // 2, (SIZE[0] - small.shape[1]) // 2
            canvas[y : y + small.shape[0], x : x + small.shape[1]] = small
            file.write(cv2.imencode(".jpg", canvas[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder with the page's own security policy."""
    from fastapi import FastAPI
    from starlette.staticfiles import StaticFiles

    app = FastAPI()
    app.mount("/", StaticFiles(directory=folder, html=True))
    with serving(app) as address:
        yield address


def rate(page: Any, count: Callable[[], int]) -> float:
    """Frames per second over SECONDS, once the first frames have come."""
    until = time.monotonic() + 60
    while count() < 10 and time.monotonic() < until:
        page.wait_for_timeout(50)
    before, began = count(), time.perf_counter()
    page.wait_for_timeout(SECONDS * 1000)
    return (count() - before) / (time.perf_counter() - began)


def our_rate(page: Any, address: str, network: str) -> tuple[float, float]:
    """Frames per second of the live page, and milliseconds of its network a frame."""
    open_page(page, address)
    if network != "movenet":
        page.select_option("#network", network)
        page.wait_for_timeout(200)
        wait_ready(page)
    page.click("#camera")
    page.locator("#meter").wait_for(timeout=PATIENCE_MS)
    found = rate(page, lambda: int(page.get_attribute("#meter", "data-frames") or 0))
    ms = float(page.get_attribute("#meter", "data-ms"))
    page.goto("about:blank")
    return found, ms


def reference_rate(page: Any, address: str) -> float:
    """Frames per second of TensorFlow.js' loop."""
    page.goto(f"{address}/reference.html")
    found = rate(page, lambda: int(page.get_attribute("body", "data-frames", timeout=PATIENCE_MS) or 0))
    page.goto("about:blank")
    return found


def open_page(page: Any, address: str) -> None:
    """Open the page and wait until its networks are loaded."""
    page.goto(f"{address}/index.html")
    wait_ready(page)


def wait_ready(page: Any) -> None:
    """Wait for the pose network."""
    page.locator("#state", has_text="Ready").wait_for(timeout=PATIENCE_MS)
    page.wait_for_timeout(300)


def record(page: Any, clips: dict[str, list[tuple[str, Path]]]) -> None:
    """Make every clip an example of its class."""
    page.click("#tab-teach")
    for activity in clips:
        page.fill("#class-name", activity.replace("_", " "))
        page.press("#class-name", "Enter")
    for i, rows in enumerate(clips.values()):
        for subject, path in rows:
            page.fill("#subject", subject)
            page.set_input_files(f"#videos-{i}", path)
            page.locator("#empty").wait_for(state="hidden")
            page.locator("#empty").wait_for(state="visible")  # played to its end
            page.wait_for_timeout(100)
            if page.locator("#alert").is_visible():
                print(f"  {path.name}: {page.inner_text('#alert')}")


def downloaded(page: Any, path: Path) -> TaughtFile:
    """Save the page's examples and model."""
    with page.expect_download(timeout=PATIENCE_MS) as download:
        page.click("#save-taught")
    download.value.save_as(path)
    return read_taught(path)


def clips_of(folder: Path, subjects: tuple[int, ...], takes: int) -> dict[str, list[tuple[str, Path]]]:
    """Render clips of every class by these people."""
    return {
        activity: [
            (f"person {subject}", write(stage(Plan(SEED, subject, activity, take, 2.4)), folder))
            for subject in subjects
            for take in range(takes)
        ]
        for activity in CLASSES
    }


def teach(browser: Any, address: str, folder: Path) -> dict[str, float]:
    """Teach with some people, test with others; accuracy of the package that the platform makes of the file."""
    page = browser.new_page()
    open_page(page, address)
    record(page, clips_of(folder, TAUGHT, 2))
    began = time.perf_counter()
    page.click("#train")
    page.locator("#trained", has_text="Trained").wait_for(timeout=PATIENCE_MS)
    seconds = time.perf_counter() - began
    told = page.inner_text("#trained")
    content = downloaded(page, folder / "taught.json")
    page.close()
    assert content.model is not None
    package_taught(content.model, content.pose_network, folder / "taught")
    model = ActivityModel.load(folder / "taught")

    page = browser.new_page()
    open_page(page, address)
    record(page, clips_of(folder, TESTED, 1))
    tested = downloaded(page, folder / "tested.json")
    page.close()
    right = 0
    for example in tested.examples:
        verdict = model.predict_track(example.tracks(tested.body).tracks[0]).verdict
        right += verdict is not None and verdict.activity == example.activity
        if verdict is None or verdict.activity != example.activity:
            print(f"  {example.activity} of {example.subject} is taken for {verdict}")
    asked = len(CLASSES) * len(TESTED)
    print(f"taught with {len(content.examples)} examples in {seconds:.1f} s; {right} of {asked} of other people right")
    print(f"  the page says: {told}")
    return {"teach_s": round(seconds, 1), "teach_accuracy": right / asked, "teach_examples": len(content.examples)}


def heap(browser: Any, address: str, minutes: float) -> dict[str, float]:
    """Growth of the page's heap and of its process (WebAssembly too), MB, after half a minute of warm-up."""
    page = browser.new_page()
    open_page(page, address)
    page.click("#camera")
    page.wait_for_timeout(30_000)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    rows = []
    for _ in range(max(2, round(minutes * 2))):
        session.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        tensors = int(page.get_attribute("#meter", "data-tensors") or 0)
        rows.append((metrics["JSHeapUsedSize"] / 2**20, resident_mb(browser), tensors))
        page.wait_for_timeout(30_000)
    page.close()
    sizes, resident, tensors = zip(*rows, strict=True)
    told = f"heap {sizes[0]:.1f} to {sizes[-1]:.1f} MB, most {max(sizes):.1f}"
    print(f"{minutes:g} minutes: {told}; process {resident[0]:.0f} to {resident[-1]:.0f} MB; tensors {set(tensors)}")
    return {
        "heap_growth_mb": round(max(sizes) - sizes[0], 2),
        "process_growth_mb": round(resident[-1] - resident[0], 1),
        "heap_minutes": minutes,
    }


def resident_mb(browser: Any) -> float:
    """Resident memory of the browser's largest renderer, MB."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    pages = [Path(f"/proc/{p['id']}/statm") for p in processes if p["type"] == "renderer"]
    return max(int(path.read_text().split()[1]) * 4096 / 2**20 for path in pages if path.exists())


def main() -> None:
    """Measure, print a table and perhaps a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--teach", action="store_true")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="posemill-browser-") as place:
        folder = Path(place)
        shutil.copytree(live_page.built(), folder / "page")
        small_package(folder / "page" / "model", WindowSpec(smooth_s=0.1))
        subprocess.run(["node", ROOT / "web" / "bench" / "build.mjs", folder / "page"], check=True)
        camera_file(folder / "camera.mjpeg")
        flags = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
        with (
            served(folder / "page") as address,
            chromium(*flags, f"--use-file-for-fake-video-capture={folder / 'camera.mjpeg'}") as browser,
        ):
            figures |= speed(browser, address, arguments.rounds)
            if arguments.teach:
                figures |= teach(browser, address, folder)
            if arguments.minutes:
                figures |= heap(browser, address, arguments.minutes)
    if arguments.json:
        print(json.dumps(figures))


def speed(browser: Any, address: str, rounds: int) -> dict[str, float]:
    """Frames per second of every network and of the reference loop, in turns."""
    page = browser.new_page()
    rates: dict[str, list[float]] = {name: [] for name in (*NETWORKS, "reference")}
    times: dict[str, list[float]] = {name: [] for name in NETWORKS}
    for _ in range(rounds):
        for name in NETWORKS:
            fps, ms = our_rate(page, address, name)
            rates[name].append(fps)
            times[name].append(ms)
            if name == "movenet":
                rates["reference"].append(reference_rate(page, address))
    page.close()
    print(f"{'':28}{'frames/s':>10}{'best':>8}{'ms':>8}")
    for name, values in rates.items():
        ms = f"{statistics.median(times[name]):8.1f}" if name in times else ""
        label = "TensorFlow.js' own loop" if name == "reference" else f"live page, {name}"
        print(f"{label:28}{statistics.median(values):10.1f}{max(values):8.1f}{ms}")
    ratio = statistics.median(a / b for a, b in zip(rates["movenet"], rates["reference"], strict=True))
    return {
        "fps": round(statistics.median(rates["movenet"]), 1),
        "fps_best": round(max(rates["movenet"]), 1),
        "reference_fps": round(statistics.median(rates["reference"]), 1),
        "ratio": round(ratio, 3),
        **{f"fps_{name}": round(statistics.median(rates[name]), 1) for name in NETWORKS[1:]},
    }


if __name__ == "__main__":
    main()
