"""Fall alarm on a rendered home: a person walks about, falls, lies, and perhaps gets up. No video, no training.

    python examples/fall_alarm.py [--seed 1] [--picture fall-alarm.png]

Prints every event as it comes, the time from the impact to the alarm, and what the coverage test says of the camera.
With --picture it draws the person at a few moments with the state that the alarm saw.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from posemill.applications.fall.alarm import FallAlarm
from posemill.applications.fall.coverage import CoverageTest
from posemill.applications.protocol import Event, Severity, TrackedFrame
from posemill.pose.skeleton import COCO_17
from posemill.synth.life import Scene, fall_scene

COLOURS = {Severity.INFO: (90, 150, 60), Severity.WARNING: (0, 150, 230), Severity.ALARM: (40, 40, 220)}
MOMENTS_S = (-1.0, 0.4, 0.8, 1.6, 4.0)  # from the fall's start


@dataclass(frozen=True)
class Shot:
    """A frame and what an overlay shows of it: person → text and severity."""

    frame: TrackedFrame
    said: dict[int, tuple[str, Severity]]


def watch(scene: Scene) -> tuple[list[Event], list[Shot]]:
    """Run the alarm over a scene, with its beds and sofas as zones; print its events."""
    size = np.array([scene.facts.width_px, scene.facts.height_px])
    beds = [np.clip(zone.polygon / size, 0, 1).tolist() for zone in scene.zones if zone.kind in ("bed", "sofa")]
    alarm = FallAlarm(bed_zones=beds)
    coverage = CoverageTest(scene.facts, alarm.params)
    alarm.start(scene.facts)
    wanted = [scene.falls[0].start_s + moment for moment in MOMENTS_S]
    events: list[Event] = []
    shots: list[Shot] = []
    for frame in scene:
        said = [output for output in alarm.update(frame) if isinstance(output, Event)]
        for event in said:
            print(f"{event.time_s:7.1f} s  {event.severity:8s} {event.kind:15s} {event.message}")
        events += said
        coverage.update(frame)
        if wanted and frame.time_s >= wanted[0] and frame.people:
            shots.append(
                Shot(frame, {a.person: (a.text, a.severity) for a in alarm.annotations() if a.person is not None})
            )
            del wanted[0]
    print(coverage.result().sentence())
    return events, shots


def draw(shots: list[Shot], scene: Scene, path: Path) -> None:
    """Write the shots side by side, each with the furniture's outlines, skeletons and states."""
    pictures = []
    for shot in shots:
        picture = np.full((scene.facts.height_px, scene.facts.width_px, 3), 245, np.uint8)
        for zone in scene.zones:
            cv2.polylines(picture, [zone.polygon.astype(np.int32)], True, (200, 190, 170), 3)
        for person, pose in shot.frame.people.items():
            text, severity = shot.said.get(person, ("", Severity.INFO))
            for a, b in COCO_17.edge_index:
                if np.isfinite(pose.xy[[a, b]]).all():
                    ends = pose.xy[[a, b]].astype(int).tolist()
                    cv2.line(picture, ends[0], ends[1], COLOURS[severity], 4, cv2.LINE_AA)
            if np.isfinite(pose.xy).any():
                x, y = np.nanmin(pose.xy, 0).astype(int).tolist()
                cv2.putText(picture, text, (x, max(y - 14, 24)), 0, 0.8, COLOURS[severity], 2, cv2.LINE_AA)
        pictures.append(cv2.resize(picture, (320, 320 * picture.shape[0] // picture.shape[1])))
    cv2.imwrite(str(path), np.concatenate(pictures, 1))


def main() -> None:
    """Watch one fall."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    scene = fall_scene(args.seed, kind="fall_backward", recovers=True)
    events, shots = watch(scene)
    fall = scene.falls[0]
    alarms = [event for event in events if event.kind == "fall"]
    for alarm in alarms:
        print(f"impact at {fall.impact_s:.1f} s, alarm {alarm.time_s - fall.impact_s:.1f} s later")
    if args.picture:
        draw(shots, scene, args.picture)
    print(FallAlarm.notice)


if __name__ == "__main__":
    main()
