"""Edge runtime: frames a second and latency against eager PyTorch and ONNX Runtime, four streams, and a soak.

    python benchmarks/edge.py [WORKSPACE] [--long-edge 257] [--pose-precision f32] [--rounds 5] [--streams-s 30]
                              [--soak-min 0] [--frames 0] [--json]

WORKSPACE has build/package and build/train (default: the current folder). The video is rendered: six people one after
the other, 640×360 at 25 frames a second.

`loop`     decode, pose, track, features and prediction of every frame in one thread, the same code for all; pose and
           activity networks run by eager PyTorch, ONNX Runtime or OpenVINO. Rounds are interleaved. Processor seconds
           of the process, which a busy machine changes less; the quickest round of each, and the lowest and highest
           ratio of a round. With --frames so many frames a round, and no `two`.
`two`      the runtime's pipeline with two threads on the file, against the loop with PyTorch on two; time by the clock,
           the quickest round of each, so it means something on an idle machine only.
`verdict`  one source in real time at 8 poses a second, one thread: time from a frame's arrival to its verdict.
`streams`  four sources in real time at 8 poses a second each, two threads: frames posed of those due, and drops.
`soak`     the launcher with a stream by HTTP whose server is killed once a minute, and a real MQTT broker: growth of
           memory (regression over the last three quarters, MB an hour), events that came twice or not at all.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from posemill.edge.activity import ActivityEvents
from posemill.edge.config import ActivityConfig, parse
from posemill.edge.model import EdgeModel
from posemill.edge.outputs import Outputs
from posemill.edge.pose import PoseDescription
from posemill.edge.runtime import Runtime
from posemill.estimation.backends.posenet.checkpoints import find_checkpoint
from posemill.estimation.backends.posenet.people import people
from posemill.estimation.runtimes import Network, load_runtime
from posemill.estimation.tracking import OnlineTracker
from posemill.estimation.types import FramePoses, Image, Pose
from posemill.pose.skeleton import COCO_17
from posemill.prediction.classifier import WindowClassifier
from posemill.prediction.live_windows import LivePredictor
from posemill.prediction.model import ActivityModel
from posemill.synth.corpus import Plan, stage
from posemill.video.camera import Camera
from posemill.video.encode import VideoWriter

SIZE, FPS = (640, 360), 25.0
ACTIVITIES = ("walk", "squat", "wave", "jumping_jack", "idle", "sit")
POSE_HZ, STREAMS = 8.0, 4
FAULT_S, SAMPLE_S = 60.0, 5.0
Estimate = Callable[[Image], list[Pose]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("--long-edge", type=int, default=257)
    parser.add_argument("--pose-precision", choices=("f32", "fp16", "int8"), default="f32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--streams-s", type=float, default=30.0)
    parser.add_argument("--soak-min", type=float, default=0.0)
    parser.add_argument("--frames", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ["POSEMILL_WORKSPACE"] = str(given.workspace.resolve())
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix="posemill-edge-bench-") as name:
        figures = measure(given, Path(name))
    for key, value in figures.items():
        print(f"{key:<34}{value}")
    if given.json:
        print(json.dumps(figures))


def measure(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Return all figures by name."""
    from posemill.operations.export_edge import export

    video = render(folder / "people.mp4")
    edge = folder / "edge"
    export(None, edge, "posenet", given.long_edge, pose_precision=given.pose_precision)
    figures: dict[str, Any] = {}
    if given.rounds:
        figures |= loops(given, edge, video, folder)
        figures |= {} if given.frames else two_threads(given, edge, video, folder)
    if given.streams_s:
        figures |= verdict_latency(edge, video, folder, given.streams_s)
        figures |= streams(edge, video, folder, given.streams_s)
    if given.soak_min:
        figures |= soak(edge, video, folder, given.soak_min)
    return figures


def render(path: Path) -> Path:
    """Write the video."""
    with VideoWriter(path, FPS, *SIZE) as writer:
        for number, activity in enumerate(ACTIVITIES):
            for image in stage(Plan(seed=90, subject=number, activity=activity, take=0)).images():
                writer.write(np.asarray(cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA), np.uint8))
    return path


def loops(given: argparse.Namespace, edge: Path, video: Path, folder: Path) -> dict[str, Any]:
    """The same loop on three runtimes, one thread, interleaved."""
    kinds = {name: runtime(name, given, edge, folder, 1) for name in ("eager", "onnxruntime", "openvino")}
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for name, (estimate, model) in kinds.items():
        loop(video, estimate, model, edge, most=20)  # compiled, warm
        seconds[name] = []
    for _ in range(given.rounds):
        for name, (estimate, model) in kinds.items():
            began_s = time.process_time()
            frames, _ = loop(video, estimate, model, edge, given.frames or 10**9)
            seconds[name].append((time.process_time() - began_s) / frames)
    ratios = [slow / quick for slow, quick in zip(seconds["eager"], seconds["openvino"], strict=True)]
    best = {name: min(times) for name, times in seconds.items()}
    return {
        **{f"loop_fps_{name}": round(1 / least, 1) for name, least in best.items()},
        "ratio": round(best["eager"] / best["openvino"], 2),
        "ratio_lowest": round(min(ratios), 2),
        "ratio_highest": round(max(ratios), 2),
        "ratio_onnxruntime": round(best["onnxruntime"] / best["openvino"], 2),
    }


def two_threads(given: argparse.Namespace, edge: Path, video: Path, folder: Path) -> dict[str, Any]:
    """The pipeline with two threads against the loop with PyTorch on two, interleaved."""
    estimate, model = runtime("eager", given, edge, folder, 2)
    ours, eager = [], []
    for _ in range(given.rounds):
        frames, took = loop(video, estimate, model, edge)
        eager.append(frames / took)
        begin = time.perf_counter()
        health = pipeline(edge, folder, [{"url": str(video), "name": "a", "pose_rate_hz": 1000.0}], 2)
        ours.append(health["a"]["frames_posed"] / (time.perf_counter() - begin))
    mine, theirs = max(ours), max(eager)
    return {
        "two_threads_fps": round(mine, 1),
        "two_threads_fps_eager": round(theirs, 1),
        "ratio_two_threads": round(mine / theirs, 2),
    }


def runtime(
    name: str, given: argparse.Namespace, edge: Path, folder: Path, threads: int
) -> tuple[Estimate, WindowClassifier]:
    """Pose estimate and activity model on a runtime."""
    if name == "openvino":
        model = EdgeModel.open(edge, threads)
        return model.pose, model.classifier
    import torch

    torch.set_num_threads(threads)
    checkpoint = find_checkpoint("posenet", None)
    network = load_runtime(name, Network(checkpoint.sha256, checkpoint.module), folder / "networks", 1)
    described = PoseDescription.of(EdgeModel.open(edge).manifest["pose"])
    model = ActivityModel.load(edge / "model")
    if name == "eager":
        model = eager(given, model)
    return lambda image: people(image, lambda picture: network(picture)[0], described, described.multiple), model


def eager(given: argparse.Namespace, model: ActivityModel) -> ActivityModel:
    """The activity model on PyTorch."""
    from dataclasses import replace

    from posemill import models
    from posemill.packaging.parity import by_torch

    network, _ = models.load(given.workspace / "build" / "train", list(model.classes), model.features.skeleton)
    return replace(model, run=partial(by_torch, network.eval()))


def loop(video: Path, estimate: Estimate, model: WindowClassifier, edge: Path, most: int = 10**9) -> tuple[int, float]:
    """Run the whole chain over a file; number of frames and seconds."""
    tracking = EdgeModel.open(edge).tracking
    tracker = OnlineTracker(COCO_17, tracking)
    activities = ActivityEvents(LivePredictor(model), COCO_17, ActivityConfig(), tracking.max_gap_s + 0.5)
    begin, number = time.perf_counter(), 0
    with Camera(str(video)) as camera:
        for frame in camera.sampled_frames(1000.0):
            found = tracker.update(FramePoses(frame.index, frame.time_s, estimate(frame.image)))
            activities.update(frame.time_s, found)
            number += 1
            if number >= most:
                break
    return number, time.perf_counter() - begin


def pipeline(
    edge: Path, folder: Path, sources: list[dict[str, Any]], threads: int, seconds: float | None = None
) -> dict[str, Any]:
    """Run the runtime to the end of its sources or for a time; the sources' health."""
    state = tempfile.mkdtemp(dir=folder)
    config = parse({"source": sources, "threads": threads, "state": state, "http": {"port": 0}}, "the benchmark")
    model = EdgeModel.open(edge, threads)
    model.pose(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    model.classifier.warm()
    with Path(os.devnull).open("w") as nowhere, Outputs(config, nowhere) as outputs:
        running = Runtime(config, model, outputs)
        if seconds is not None:
            threading.Timer(seconds, running.stop).start()
        running.run()
        health: dict[str, Any] = running.health()["sources"]
    return health


def verdict_latency(edge: Path, video: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """One source in real time, one thread."""
    source = {"url": str(video), "name": "a", "pose_rate_hz": POSE_HZ, "realtime": True}
    latency = pipeline(edge, folder, [source], 1, seconds)["a"]["latency_ms"]
    stages = {f"stage_p95_ms_{stage}": times["p95"] for stage, times in latency.items()}
    return {"latency_ms": latency["frame_to_verdict"]["p95"], **stages}


def streams(edge: Path, video: Path, folder: Path, seconds: float) -> dict[str, Any]:
    """Four sources at once in real time, two threads."""
    sources = [{"url": str(video), "name": f"s{n}", "pose_rate_hz": POSE_HZ, "realtime": True} for n in range(STREAMS)]
    health = pipeline(edge, folder, sources, 2, seconds).values()
    read, dropped = (sum(each[f"frames_{key}"] for each in health) for key in ("read", "dropped"))
    return {
        "streams_posed_hz": round(
            sum(each["frames_posed"] for each in health) / STREAMS / min(seconds, _length(video)), 2
        ),
        "streams_dropped_share": round(dropped / max(read, 1), 4),
        "streams_latency_p95_ms": max(each["latency_ms"]["frame_to_verdict"]["p95"] for each in health),
    }


def soak(edge: Path, video: Path, folder: Path, minutes: float) -> dict[str, Any]:
    """Run the launcher with a fault a minute."""
    broker, stream = free_port(), free_port()
    config = folder / "soak.toml"
    config.write_text(
        f'state = "{folder}/soak-state"\nthreads = 1\nhealth_s = 30\n[http]\nport = 0\n[mqtt]\nhost = "127.0.0.1"\n'
        f'port = {broker}\n[[source]]\nname = "a"\nurl = "http://127.0.0.1:{stream}/a"\npose_rate_hz = {POSE_HZ}\n'
    )
    lines, memory = folder / "lines.jsonl", list[tuple[float, float]]()
    with mosquitto(broker, folder), subscribed(broker) as came, lines.open("wb") as out:
        command = [sys.executable, str(edge / "posemill-edge"), "run", str(config)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        faults = 0
        try:
            end_s = time.monotonic() + 60 * minutes
            while time.monotonic() < end_s:
                server = serve(video, stream)
                until_s = min(time.monotonic() + FAULT_S, end_s)
                while time.monotonic() < until_s:
                    time.sleep(SAMPLE_S)
                    memory.append((time.monotonic(), resident_mb(process.pid)))
                server.kill()
                server.wait()
                faults += 1
        finally:
            process.terminate()
            process.wait(60)
        time.sleep(2)
        written = [json.loads(line) for line in lines.read_text().splitlines()]
        expected = [each["id"] for each in written if each["event"]["kind"] != "health"]  # a state, no event, there
        events = [each["event"] for each in written]
        got = list(came)
    away = [e["details"]["away_s"] for e in events if e["kind"] == "recovered" and e["details"]["fault"] == "lost"]
    return {
        "soak_min": minutes,
        "soak_faults": faults,
        "soak_events": len(expected),
        "soak_events_missing": len(set(expected) - set(got)),
        "soak_events_twice": len(got) - len(set(got)),
        "soak_in_order": got == expected,
        "soak_memory_mb": round(memory[-1][1], 1),
        "soak_memory_mb_an_hour": round(slope(memory[len(memory) // 4 :]), 2),
        "soak_longest_away_s": max(away[1:], default=None),
    }


def slope(memory: list[tuple[float, float]]) -> float:
    """MB an hour, by least squares."""
    at, mb = np.array(memory).T
    return float(np.polyfit((at - at[0]) / 3600, mb, 1)[0])


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def serve(video: Path, port: int) -> subprocess.Popen[bytes]:
    """ffmpeg's own HTTP server, with the video over and over at its own speed."""
    source = ["-re", "-stream_loop", "-1", "-i", str(video)]
    coding = ["-an", "-c:v", "mpeg2video", "-q:v", "5", "-f", "mpegts", "-listen", "1", f"http://127.0.0.1:{port}/a"]
    return subprocess.Popen(["ffmpeg", "-v", "quiet", "-nostdin", *source, *coding])


@contextmanager
def mosquitto(port: int, folder: Path) -> Iterator[None]:
    """A broker on loopback."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise SystemExit("the soak needs mosquitto: sh tools/test_tools.sh mosquitto")
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([program, "-c", str(config)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def subscribed(port: int) -> Iterator[list[str]]:
    """Identifiers of the events that a subscriber gets."""
    from paho.mqtt.client import Client
    from paho.mqtt.enums import CallbackAPIVersion

    came: list[str] = []
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda c, *_: c.subscribe("posemill/+/events/#", qos=2)
    client.on_message = lambda _c, _u, m: came.append(json.loads(m.payload)["id"])
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield came
    finally:
        client.disconnect()
        client.loop_stop()


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _length(video: Path) -> float:
    capture = cv2.VideoCapture(str(video))
    return float(capture.get(cv2.CAP_PROP_FRAME_COUNT)) / FPS


if __name__ == "__main__":
    main()
