"""Pose labelling throughput: posemill beside OpenPifPaf's own video command, in turns, on the same clips.

    python benchmarks/labelling.py [CLIP ...] [--checkpoint posenet|shufflenetv2k16] [--runtime openvino]
                                   [--long-edge 385] [--frames 300] [--repeats 3] [--start] [--json]

Both are commands of their own, with the same checkpoint, long edge and decoder settings, one frame after another;
their frames are timed as they come out. Start-up (until the first frame) and the rate (after the
first ten frames) are two figures. Without clips, rendered people are used. posenet has real weights, and both sides'
keypoints are compared; shufflenetv2k16 has random ones of the official shape and is timed only. `--start` also times
`posemill label` on a new clip of ten frames, in a database of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.params.label import LabelParams

HERE = Path(__file__).parent
WARM = 10  # frames before the rate is taken
NEAR_PX = 5.0  # mean distance up to which two poses are of one person
RENDERED = (("jumping_jack", 1), ("squat", 2), ("wave", 3))
HEAD = (
    f"{'clip':<24}{'size':>11}{'frames':>8}{'official/s':>12}{'ours/s':>9}{'ratio':>7}"
    f"{'persons':>13}{'mean px':>9}{'max px':>8}"
)

Frames = list[list[NDArray[np.float64]]]  # frame → people (K, 2), pixels, NaN = not seen


@dataclass(frozen=True, slots=True)
class Run:
    """One command on one clip: seconds from its start to each frame, and the people it found."""

    at_s: list[float]
    people: Frames

    @property
    def seconds_a_frame(self) -> float:
        """After the first frames."""
        return (self.at_s[-1] - self.at_s[WARM]) / (len(self.at_s) - 1 - WARM)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two sides' people in the same frames."""

    matched: int
    people: int
    distances: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Both sides' runs on a clip (official, ours), and how far their people agree."""

    runs: list[tuple[Run, Run]]
    agreed: Agreement

    def pace(self) -> tuple[float, float]:
        """Seconds a frame, median of the runs."""
        official, own = (statistics.median(run[side].seconds_a_frame for run in self.runs) for side in (0, 1))
        return official, own

    def row(self) -> str:
        """Cells of the table."""
        (official, own), found = self.pace(), self.agreed
        mean, most = (f"{f(found.distances):.3f}" if found.distances.size else "-" for f in (np.mean, np.max))
        rates = f"{1 / official:>12.1f}{1 / own:>9.1f}{official / own:>7.2f}"
        return f"{rates}{f'{found.matched}/{found.people}':>13}{mean:>9}{most:>8}"


def timed(command: Sequence[str], mark: str) -> tuple[list[float], list[str]]:
    """Run a command; the lines of its output that hold `mark`, and when each came, in seconds from the start."""
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    start, at_s = time.perf_counter(), []
    lines: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        rest: list[str] = []
        for line in process.stdout or ():
            (lines if mark in line else rest).append(line)
            if mark in line:
                at_s.append(time.perf_counter() - start)
    if process.returncode or len(at_s) <= WARM + 1:
        said = "".join(rest[-9:])
        raise SystemExit(f"{' '.join(command[:3])} gave {len(at_s)} frames and {process.returncode}:\n{said}")
    return at_s, lines


def official(clip: Path, params: LabelParams, pickled: Path, folder: Path) -> Run:
    """OpenPifPaf's command. Keypoints that it placed outside the picture are NaN, as on our side."""
    found = folder / "official.json"
    found.unlink(missing_ok=True)
    flags = ["--force-complete-pose"] if params.force_complete else []
    at_s, _ = timed(
        [
            sys.executable,
            str(HERE / "official_video.py"),
            "--checkpoint",
            str(pickled),
            "--source",
            str(clip),
            "--json-output",
            str(found),
            "--long-edge",
            str(params.long_edge_px),
            *flags,
            "--instance-threshold",
            str(params.instance_threshold),
            "--seed-threshold",
            str(params.seed_threshold),
            "--keypoint-threshold",
            str(params.keypoint_threshold),
            "--disable-cuda",
        ],
        "loop time =",
    )
    people = []
    for line in found.read_text().splitlines():
        points = [np.array(p["keypoints"], float).reshape(-1, 3) for p in json.loads(line)["predictions"]]
        people.append([np.where(p[:, 2:] > 0, p[:, :2], np.nan) for p in points])
    return Run(at_s, people)


def ours(clip: Path, params: LabelParams) -> Run:
    """Our engine."""
    command = [sys.executable, str(HERE / "our_video.py"), str(clip), params.model_dump_json()]
    at_s, lines = timed(command, '"people"')
    return Run(at_s, [[np.array(p, float) for p in json.loads(line)["people"]] for line in lines])


def agreement(one: Frames, other: Frames, inside: NDArray[np.float64]) -> Agreement:
    """Pairs of people, nearest first, a frame at a time. Only keypoints within `inside` (width, height) are compared:
    our side moves those just outside to the border."""
    matched, people, distances = 0, 0, [np.empty(0)]
    for a, b in zip(one, other, strict=True):
        people += max(len(a), len(b))
        gap = np.array([[_distances(p, q, inside) for q in b] for p in a]).reshape(len(a), len(b), 17)
        mean = np.nan_to_num(_mean(gap), nan=np.inf)
        while mean.size and mean.min() < NEAR_PX:
            i, j = np.unravel_index(mean.argmin(), mean.shape)
            distances.append(gap[i, j][np.isfinite(gap[i, j])])
            mean[i], mean[:, j] = np.inf, np.inf
            matched += 1
    return Agreement(matched, people, np.concatenate(distances))


def _distances(p: NDArray[np.float64], q: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    both = [((side > 0) & (side < inside)).all(-1) for side in (p, q)]
    gap: NDArray[np.float64] = np.where(both[0] & both[1], np.linalg.norm(p - q, axis=-1), np.nan)
    return gap


def _mean(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = np.isfinite(gap)
    mean: NDArray[np.float64] = np.where(seen, gap, 0).sum(-1) / np.where(seen.any(-1), seen.sum(-1), np.nan)
    return mean


def pickled(name: str, folder: Path) -> Path:
    """A file with that network, pickled whole as OpenPifPaf's training does."""
    import torch

    from posemill.estimation.backends.openpifpaf.checkpoints import load_checkpoint
    from posemill.estimation.backends.openpifpaf.library import openpifpaf

    if name == "posenet":
        shell = load_checkpoint(name, None, folder).shell
    else:
        torch.manual_seed(0)
        base = openpifpaf.BASE_FACTORIES[name]()
        metas = openpifpaf.plugins.coco.CocoKp().head_metas
        heads = [openpifpaf.HEADS[type(meta)](meta, base.out_features) for meta in metas]
        shell = openpifpaf.network.nets.Shell(base, heads)
        openpifpaf.network.nets.model_defaults(shell)
    path = folder / f"{name}.pkl"
    torch.save({"model": shell.eval(), "epoch": 0, "meta": {"args": []}}, path)
    return path


def rendered(folder: Path) -> list[Path]:
    """Clips of rendered people."""
    from posemill.synth.corpus import Plan, stage, write

    return [write(stage(Plan(seed=7, subject=who, activity=what, take=0)), folder) for what, who in RENDERED]


def cut(clip: Path, frames: int, target: Path, first: int = 0) -> NDArray[np.float64]:
    """Frames of a clip as a video of its own, so that both sides read the same file; its width and height."""
    from posemill.video.decode import read_frames
    from posemill.video.encode import VideoWriter
    from posemill.video.probe import probe

    found = probe(clip)
    with VideoWriter(target, found.fps, found.width_px, found.height_px, crf=18) as video:
        for number, frame in enumerate(islice(read_frames(clip, 1, first), frames)):
            video.write(frame.image, number / found.fps)
    return np.array([found.width_px, found.height_px], float) - 1


def first_rows(clip: Path, folder: Path, repeats: int) -> Iterator[float]:
    """Seconds from the command `posemill label` until the poses of a new clip of ten frames are in the store.

    Database and exported network are in place, as they are after the first clip ever.
    """
    environment = {**os.environ, "POSEMILL_HOME": str(folder / "home"), "POSEMILL_WORKSPACE": str(HERE.parent)}
    environment.pop("OMP_NUM_THREADS", None)

    def posemill(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "posemill", *words], check=True, env=environment, capture_output=True)

    def label() -> float:
        start, label = time.perf_counter(), [sys.executable, "-m", "posemill", "label", "--json"]
        with subprocess.Popen(label, stdout=subprocess.PIPE, text=True, env=environment) as process:
            came = [time.perf_counter() - start for line in process.stdout or () if '"done"' in line]
        if process.returncode or not came:
            raise SystemExit(f"posemill label gave {len(came)} clips and {process.returncode}")
        return came[0]

    posemill("db", "start")
    try:
        for repeat in range(repeats + 1):
            short = folder / f"short-{repeat}.mp4"
            cut(clip, 10, short, first=10 * repeat)
            posemill("add", str(short), "--activity", "any", "--dataset", "benchmark")
            took = label()
            if repeat:  # the first one exports the network
                yield took
    finally:
        posemill("db", "stop")


def main() -> None:
    """Run, print a table, and with --json one last line for machines."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = pickled(options.checkpoint, folder)
        params = LabelParams(
            checkpoint=options.checkpoint if options.checkpoint == "posenet" else str(file),
            runtime=options.runtime,
            long_edge_px=options.long_edge,
            rotation_fallback_threshold=0.0,
        )
        clips = [Path(clip) for clip in options.clips] or rendered(folder)
        os.environ.setdefault("POSEMILL_HOME", str(folder / "own"))
        figures = compare(clips, params, file, options, folder)
        if options.start:
            figures["first_row_s"] = round(statistics.median(first_rows(clips[0], folder, options.repeats)), 2)
    figures = {"benchmark": "labelling", "checkpoint": options.checkpoint, "runtime": options.runtime, **figures}
    if options.start:
        print(f"posemill label: poses of a new clip of ten frames are stored after {figures['first_row_s']} s")
    if options.json:
        print(json.dumps(figures))


def compare(
    clips: Sequence[Path], params: LabelParams, file: Path, options: argparse.Namespace, folder: Path
) -> dict[str, object]:
    """Both sides on every clip, A B A B; a row a clip, and figures of all of them."""
    print(HEAD)
    judged = []
    for clip in clips:
        short = folder / "clip.mp4"
        last = cut(clip, options.frames, short)
        ours(short, params)  # exports the network: not counted
        runs = [(official(short, params, file, folder), ours(short, params)) for _ in range(options.repeats)]
        judged.append(Judged(runs, agreement(runs[0][0].people, runs[0][1].people, last)))
        size = f"{int(last[0]) + 1}x{int(last[1]) + 1}"
        print(f"{clip.stem[:23]:<24}{size:>11}{len(runs[0][0].at_s):>8}{judged[-1].row()}", flush=True)
    return _all_of(judged)


def _all_of(judged: Sequence[Judged]) -> dict[str, object]:
    pace = np.sum([each.pace() for each in judged], 0) / len(judged)
    start = [statistics.median(run[side].at_s[0] for each in judged for run in each.runs) for side in (0, 1)]
    distances = np.concatenate([each.agreed.distances for each in judged])
    people = sum(each.agreed.people for each in judged)
    matched = sum(each.agreed.matched for each in judged)
    ratio = pace[0] / pace[1]
    print(f"ratio {ratio:.2f}; first frame after {start[0]:.1f} s (official), {start[1]:.1f} s (ours)")
    return {
        "ratio": round(ratio, 3),
        "ours_fps": round(1 / pace[1], 2),
        "official_fps": round(1 / pace[0], 2),
        "ours_start_s": round(start[1], 2),
        "official_start_s": round(start[0], 2),
        "persons": people,
        "persons_matched": round(matched / people, 4) if people else None,
        "mean_px": round(float(distances.mean()), 4) if distances.size else None,
        "max_px": round(float(distances.max()), 4) if distances.size else None,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", metavar="CLIP")
    parser.add_argument("--checkpoint", choices=["posenet", "shufflenetv2k16"], default="posenet")
    parser.add_argument("--runtime", choices=["openvino", "onnxruntime", "eager"], default="openvino")
    parser.add_argument("--long-edge", type=int, default=385)
    parser.add_argument("--frames", type=int, default=300, help=f"at most, a clip; more than {WARM + 1}")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--start", action="store_true", help="also time the command `posemill label`")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.frames <= WARM + 1 or options.repeats < 1:
        parser.error(f"--frames should be more than {WARM + 1} and --repeats 1 or more")
    if absent := [clip for clip in options.clips if not Path(clip).is_file()]:
        parser.error(f"there is no file {', '.join(absent)}")
    return options


if __name__ == "__main__":
    main()
