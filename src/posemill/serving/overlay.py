"""Overlay video (skeletons, numbers, activity at that moment) and contact sheet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from posemill.estimation.overlay import Drawn, Overlay
from posemill.pose.track import MediumTracks
from posemill.serving.schemas.activity import Person, Segment
from posemill.video.decode import Frame
from posemill.video.draw import Image, contact_sheet, write_jpeg
from posemill.video.encode import VideoWriter
from posemill.video.sandboxed import probe_sandboxed, read_frames_sandboxed

BLUR_FACES = "POSEMILL_BLUR_FACES"  # 1: faces of tracked people are blurred before anything is drawn
LONG_EDGE_PX = 1280  # larger pictures are made smaller: a player in a page shows no more
PICTURES, COLUMNS, CELL_PX = 12, 4, 320
CLOSEST_S = 1e-3  # frames that are closer than that are one


@dataclass(slots=True)
class _Sheet:
    """Pictures from the middles of equal parts, small, so that the length of a video does not matter."""

    frames: int
    pictures: list[Image] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)

    def look(self, number: int, image: Image, caption: str) -> None:
        every = max(1, self.frames // PICTURES)
        if number % every == every // 2 and len(self.pictures) < PICTURES:
            self.pictures.append(_fitted(image, CELL_PX))
            self.captions.append(caption)


def draw(
    video: Path,
    tracks: MediumTracks,
    people: Sequence[Person],
    stride: int,
    overlay: Path,
    sheet: Path,
    progress: Callable[[float], None],
) -> None:
    """Write the overlay (H.264) and the sheet (JPEG) of an untrusted video, frame by frame.

    tracks    everybody in it; people are the same with what they do.
    stride    every so many frames were looked at; a skeleton stays for those between.
    progress  gets the share that is done, 0..1; an error of it ends the work, and no file is left.
    """
    facts = probe_sandboxed(video)
    width, height = _size(tracks)
    blur = os.environ.get(BLUR_FACES) == "1"
    drawing = Overlay(_scaled(tracks, width, height), caption=captions(people), blur_faces=blur)
    pictures = _Sheet(facts.frames)
    with VideoWriter(overlay, facts.fps, width, height) as writer:
        for number, frame in enumerate(_distinct_times(read_frames_sandboxed(video))):
            small = cv2.resize(frame.image, (width, height), interpolation=cv2.INTER_AREA)
            shown, there = drawing.draw(
                Frame(frame.index - frame.index % stride, frame.time_s, np.asarray(small, np.uint8))
            )
            writer.write(shown.image, frame.time_s)
            who = ", ".join(map(captions(people), there)) or "nobody"
            pictures.look(number, shown.image, f"{frame.time_s:.1f} s: {who}")
            progress((number + 1) / max(1, facts.frames))
    write_jpeg(sheet, contact_sheet(pictures.pictures, COLUMNS, pictures.captions))


def captions(people: Sequence[Person]) -> Callable[[Drawn], str]:
    """Return captions: a person's number, and the activity at that time with its probability."""
    segments = {person.person: person.segments for person in people}

    def caption(drawn: Drawn) -> str:
        now = _at(segments.get(drawn.track.person, []), float(drawn.track.time_s[drawn.row]))
        says = str(drawn) if now is None else f"{drawn} {now.activity} {now.probability:.0%}"
        return says.encode("ascii", "replace").decode()

    return caption


def _at(segments: Sequence[Segment], time_s: float) -> Segment | None:
    return next((s for s in segments if s.start_s <= time_s < s.end_s), None)


def _distinct_times(frames: Iterator[Frame]) -> Iterator[Frame]:
    last_s = float("-inf")
    for frame in frames:
        if frame.time_s - last_s >= CLOSEST_S:
            last_s = frame.time_s
            yield frame


def _size(tracks: MediumTracks) -> tuple[int, int]:
    scale = min(1.0, LONG_EDGE_PX / max(tracks.width_px, tracks.height_px))
    return max(2, round(tracks.width_px * scale)), max(2, round(tracks.height_px * scale))


def _scaled(tracks: MediumTracks, width: int, height: int) -> MediumTracks:
    scale = np.array([width / tracks.width_px, height / tracks.height_px], np.float32)
    smaller = tuple(replace(track, xy=track.xy * scale) for track in tracks.tracks)
    return replace(tracks, width_px=width, height_px=height, tracks=smaller)


def _fitted(image: Image, width: int) -> Image:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
