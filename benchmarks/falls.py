"""Fall alarm: sensitivity, false alarms an hour and a day, and time from impact to alarm.

    python benchmarks/falls.py [FOLDER] [--hours 120] [--falls 200] [--backend blazepose] [--no-zones] [--json]

Sets: `real`, the clips of FOLDER with its table of events `clips.csv` (file, kind fall or adl, start_s, end_s, and
where they are known down_s, cuts, what), through a pose network and the online tracker, frame by frame; `rendered
falls` and `rendered everyday`, streams of keypoints with exact truth and an estimator's faults (`posemill.synth.life`).
Sequences and continuous footage are apart, rendered and real too. Rendered homes have bed zones, as a user draws them;
without them by --no-zones. An alarm between a fall's start and 10 s after its impact finds it; every other alarm is
false. An alarm is what a client is called by: an event of severity `alarm`; a long lie repeats the alarm of its fall.
Suspected falls are warnings and counted apart. Intervals: Clopper-Pearson, 95 %; the bound of a rate: Poisson,
one-sided, 95 %.

Evidence was fitted and its level chosen on rendered scenes of the seeds in tools/train_fall_evidence.py, errors were
looked at on seeds from 20000 on; the held-out seeds reported here begin at 90000 (falls) and 95000 (homes).
Poses of clips are kept in --cache by the fingerprint of their network.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.live import track_online
from posemill.applications.protocol import Event, Output, Severity, StreamFacts, TrackedFrame
from posemill.applications.sources import Stream, stream_of_tracks
from posemill.estimation.estimator import PoseEstimator
from posemill.estimation.tracking import OnlineTracker
from posemill.estimation.types import FramePoses, Pose
from posemill.formats.registry import read_tracks
from posemill.synth.life import Scene, everyday_life, fall_scene
from posemill.video.probe import probe

FOLDER = Path(__file__).parents[2] / "shared" / "apps" / "falls"
CACHE = Path(__file__).parents[1] / "build" / "benchmark-falls"
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
AFTER_S = 10.0  # after the impact: a later alarm does not count as this fall's
IN_TIME_S = 3.0
LIFE_H = 3.0  # hours of one home
FALLS_FROM, HOMES_FROM = 90_000, 95_000  # held-out seeds


@dataclass(slots=True)
class Fall:
    """A fall that should be found; impact_s None = the time of the impact is not known."""

    name: str
    start_s: float
    impact_s: float | None
    until_s: float
    alarm_s: float | None = None

    @property
    def delay_s(self) -> float | None:
        """Seconds from impact to alarm."""
        return None if self.alarm_s is None or self.impact_s is None else self.alarm_s - self.impact_s


@dataclass(slots=True)
class Group:
    """Sequences of one kind: falls with their alarms, everyday sequences, false alarms and seconds of footage."""

    falls: list[Fall] = field(default_factory=list)
    quiet: int = 0
    quiet_alarmed: int = 0
    false_alarms: list[str] = field(default_factory=list)
    footage_s: float = 0.0
    suspected: int = 0

    def add(self, name: str, seconds: float, falls: Sequence[Fall], events: Sequence[Event]) -> None:
        """Assign the alarms of one sequence to its falls."""
        alarms = [event for event in events if event.severity is Severity.ALARM]
        self.suspected += sum(event.kind == "fall_suspected" for event in events)
        self.falls += falls
        self.footage_s += seconds
        false = [alarm for alarm in alarms if not any(_finds(alarm, fall) for fall in falls)]
        for fall in falls:
            fall.alarm_s = min((alarm.time_s for alarm in alarms if _finds(alarm, fall)), default=None)
        self.false_alarms += [f"{name} at {alarm.time_s:.1f} s: {alarm.message}" for alarm in false]
        if not falls:
            self.quiet += 1
            self.quiet_alarmed += bool(false)


def _finds(alarm: Event, fall: Fall) -> bool:
    return fall.start_s <= alarm.time_s <= fall.until_s


def alarms_of(stream: Stream, params: dict[str, Any]) -> tuple[list[Event], float]:
    """Run the alarm over a stream; return its alarms and suspected falls, and the seconds watched."""
    application, last_s = FallAlarm(**params), 0.0
    events: list[Output] = []
    application.start(stream.facts)
    for frame in stream.frames:
        events += application.update(frame)
        last_s = frame.time_s
    events += application.finish()
    return [event for event in events if isinstance(event, Event) and event.kind in ("fall", "fall_suspected")], last_s


def real(folder: Path, backend: str, cache: Path, params: dict[str, Any]) -> dict[str, Group]:
    """Groups `real` and, for clips that say so, `rendered clips`."""
    groups = {"real": Group(), "rendered clips": Group()}
    with (folder / "clips.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        stream = _stream(folder / row["file"], backend, cache)
        alarms, seconds = alarms_of(stream, params)
        falls = [_fall(row, seconds)] if row["kind"] == "fall" else []
        rendered = row.get("what", "").upper().startswith("RENDERED")
        groups["rendered clips" if rendered else "real"].add(row["file"], seconds, falls, alarms)
        _print_clip(row, falls, alarms)
    return groups


def _fall(row: dict[str, str], seconds: float) -> Fall:
    start_s, down = float(row["start_s"] or 0), row.get("down_s", "")
    timed = bool(down) and row.get("cuts", "0") in ("", "0")
    end_s = float(down) if down else min(float(row["end_s"] or seconds), seconds)
    return Fall(row["file"], max(0.0, start_s - 0.4), float(down) if timed else None, end_s + AFTER_S)


def _print_clip(row: dict[str, str], falls: Sequence[Fall], alarms: Sequence[Event]) -> None:
    when = ", ".join(f"{alarm.kind} {alarm.time_s:.1f} s" for alarm in alarms) or "no alarm"
    truth = f"down at {row.get('down_s') or '?'} s" if falls else "no fall"
    print(f"  {row['file']:28s} {truth:16s} {when}", flush=True)


def _stream(path: Path, backend: str, cache: Path) -> Stream:
    if path.suffix.lower() not in VIDEOS:
        return stream_of_tracks(read_tracks(path))
    estimator = PoseEstimator(backend)
    facts = probe(path)
    poses = _poses(path, estimator, cache)
    frames = track_online(poses, OnlineTracker(estimator.skeleton, estimator.params.tracking))
    return Stream(StreamFacts(estimator.skeleton, facts.width_px, facts.height_px, path.name), frames)


def _poses(path: Path, estimator: PoseEstimator, cache: Path) -> Iterator[FramePoses]:
    """Poses of a video, from the cache where it has them."""
    kept = cache / estimator.pose_fingerprint[:16] / f"{path.name}.npz"
    if not kept.is_file():
        frames = list(estimator.stream(path))
        poses = [pose for frame in frames for pose in frame.poses]
        count = len(estimator.skeleton)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            kept,
            frame=[frame.frame for frame in frames],
            time_s=[frame.time_s for frame in frames],
            people=[len(frame.poses) for frame in frames],
            xy=np.array([pose.xy for pose in poses], np.float32).reshape(-1, count, 2),
            confidence=np.array([pose.confidence for pose in poses], np.float32).reshape(-1, count),
            person_confidence=np.array([pose.person_confidence for pose in poses]),
        )
    with np.load(kept) as stored:
        arrays = {name: stored[name] for name in stored.files}
    ends = np.cumsum(arrays["people"])
    for frame, time_s, end, count in zip(
        arrays["frame"].tolist(), arrays["time_s"].tolist(), ends.tolist(), arrays["people"].tolist(), strict=True
    ):
        rows = range(end - count, end)
        poses = [Pose(arrays["xy"][n], arrays["confidence"][n], float(arrays["person_confidence"][n])) for n in rows]
        yield FramePoses(frame, time_s, poses)


def rendered_falls(count: int, seed: int, zones: bool, params: dict[str, Any]) -> Group:
    """Falls with what went before them, each a sequence."""
    group = Group()
    for number in range(seed, seed + count):
        scene = fall_scene(number)
        alarms, seconds = alarms_of(_scene_stream(scene), params | _zones(scene, zones))
        falls = [Fall(f"{f.kind} {number}", f.start_s, f.impact_s, f.impact_s + AFTER_S) for f in scene.falls]
        group.add(f"scene {number}", seconds, falls, alarms)
    return group


def rendered_everyday(hours: float, seed: int, zones: bool, params: dict[str, Any]) -> Group:
    """Continuous everyday life, each home LIFE_H hours."""
    group = Group()
    for number in range(math.ceil(hours / LIFE_H)):
        scene = everyday_life(min(LIFE_H, hours - number * LIFE_H), seed + number)
        alarms, seconds = alarms_of(_scene_stream(scene), params | _zones(scene, zones))
        group.add(f"home {seed + number}", seconds, (), alarms)
    return group


def _scene_stream(scene: Scene) -> Stream:
    frames: Iterator[TrackedFrame] = iter(scene)
    return Stream(scene.facts, frames)


def _zones(scene: Scene, zones: bool) -> dict[str, Any]:
    size = np.array([scene.facts.width_px, scene.facts.height_px], np.float64)
    beds = [np.clip(z.polygon / size, 0, 1).tolist() for z in scene.zones if z.kind in ("bed", "sofa")]
    return {"bed_zones": beds} if zones else {}


def interval(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share (Clopper-Pearson)."""
    if not count:
        return 0.0, 1.0
    low = stats.beta.ppf(0.025, hits, count - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, count - hits) if hits < count else 1.0
    return float(low), float(high)


def upper_rate(events: int, exposure: float) -> float:
    """Upper 95 % bound of a Poisson rate, one-sided; infinite without exposure."""
    return float(stats.chi2.ppf(0.95, 2 * (events + 1)) / 2 / exposure) if exposure > 0 else math.inf


def report(name: str, group: Group, figures: dict[str, float]) -> None:
    """Print a group and put its figures by name."""
    key = name.replace(" ", "_")
    if group.falls:
        _report_falls(name, key, group.falls, figures)
    if group.quiet:
        low, high = interval(group.quiet_alarmed, group.quiet)
        print(f"{name}: {group.quiet_alarmed} of {group.quiet} everyday sequences alarmed [{low:.3f}, {high:.3f}]")
        figures |= {f"{key}_everyday": group.quiet, f"{key}_everyday_alarmed": group.quiet_alarmed}
    _report_rate(name, key, len(group.false_alarms), group.footage_s / 3600, figures)
    print(f"{name}: {group.suspected} falls suspected (warnings)")
    figures[f"{key}_suspected"] = group.suspected
    for line in group.false_alarms[:40]:
        print(f"    false alarm: {line}")


def _report_falls(name: str, key: str, falls: Sequence[Fall], figures: dict[str, float]) -> None:
    found = sum(fall.alarm_s is not None for fall in falls)
    timed = [fall for fall in falls if fall.impact_s is not None]
    delays = [delay for fall in timed if (delay := fall.delay_s) is not None]
    prompt = sum(delay <= IN_TIME_S for delay in delays)
    for what, hits, of in (("found", found, len(falls)), (f"within {IN_TIME_S:.0f} s", prompt, len(timed))):
        low, high = interval(hits, of)
        print(f"{name}: falls {what}: {hits} of {of} = {hits / max(of, 1):.3f} [{low:.3f}, {high:.3f}]")
    figures |= {f"{key}_falls": len(falls), f"{key}_found": found, f"{key}_timed": len(timed), f"{key}_in_3s": prompt}
    if delays:
        median, p95 = (float(np.percentile(delays, q)) for q in (50, 95))
        print(f"{name}: impact to alarm: median {median:.2f} s, p95 {p95:.2f} s")
        figures |= {f"{key}_delay_median_s": round(median, 3), f"{key}_delay_p95_s": round(p95, 3)}
    missed = [fall.name for fall in falls if fall.alarm_s is None]
    if missed:
        print(f"    missed: {', '.join(missed[:40])}")


def _report_rate(name: str, key: str, false: int, hours: float, figures: dict[str, float]) -> None:
    bound = upper_rate(false, hours / 24)
    an_hour, a_day = false / max(hours, 1e-9), 24 * false / max(hours, 1e-9)
    print(
        f"{name}: {false} false alarms in {hours:.2f} h = {an_hour:.4f} an hour, {a_day:.3f} a day, "
        f"at most {bound:.3f} a day (upper 95 %)"
    )
    figures |= {f"{key}_hours": round(hours, 3), f"{key}_false_alarms": false, f"{key}_false_a_day_upper": bound}


def main() -> None:
    """Run everything that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    parser.add_argument("--hours", type=float, default=120.0, help="of rendered everyday life")
    parser.add_argument("--falls", type=int, default=200, help="rendered falls")
    parser.add_argument("--falls-from", type=int, default=FALLS_FROM, help="first seed of rendered falls")
    parser.add_argument("--homes-from", type=int, default=HOMES_FROM, help="first seed of rendered homes")
    parser.add_argument("--backend", default=FallAlarm.backend)
    parser.add_argument("--no-zones", action="store_true", help="rendered homes without bed zones")
    parser.add_argument("--geometry-only", action="store_true", help="without the activity model")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    params: dict[str, Any] = {"model": None} if args.geometry_only else {}
    figures: dict[str, float] = {}
    groups: dict[str, Group] = {}
    if (args.folder / "clips.csv").is_file():
        groups = real(args.folder, args.backend, args.cache, params)
    if args.falls:
        groups["rendered falls"] = rendered_falls(args.falls, args.falls_from, not args.no_zones, params)
    if args.hours:
        groups["rendered everyday"] = rendered_everyday(args.hours, args.homes_from, not args.no_zones, params)
    for name, group in groups.items():
        if not group.footage_s:
            continue
        report(name, group, figures)
    counted = [group for name, group in groups.items() if name in ("real", "rendered everyday")]
    false, hours = sum(len(g.false_alarms) for g in counted), sum(g.footage_s for g in counted) / 3600
    _report_rate("real and rendered everyday", "all", false, hours, figures)
    if args.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
