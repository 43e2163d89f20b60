"""Overlay videos: tracks drawn on the video that they are of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posemill.estimation.overlay import Drawn, Overlay
from posemill.video.encode import VideoWriter
from posemill.video.probe import probe
from posemill.video.sandboxed import probe_sandboxed

if TYPE_CHECKING:
    from posemill.pose.track import MediumTracks
    from posemill.video.decode import Frame

OnFrame = Callable[["Frame", Sequence[Drawn]], object]


def draw_tracks(
    tracks: MediumTracks,
    video: Path,
    target: Path,
    *,
    start_s: float = 0.0,
    end_s: float = float("inf"),
    color_by_side: bool = False,
    blur_faces: bool = False,
    on_frame: OnFrame | None = None,
    sandboxed: bool = False,
) -> None:
    """Write an overlay video of the frames with start_s <= time_s < end_s.

    blur_faces  of the people who are tracked, see faces.py.
    on_frame  gets every drawn frame and the people in it, for a contact sheet or a progress bar.
    sandboxed  decode in a separate process with bounded time and memory, for untrusted files.
    Errors: UnreadableMedia where the video cannot be decoded.
    """
    about = probe_sandboxed(video) if sandboxed else probe(video)
    target.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(target, about.fps, about.width_px, about.height_px) as writer:
        overlay = Overlay(tracks, color_by_side, blur_faces=blur_faces)
        for frame, people in overlay.frames(video, start_s, end_s, sandboxed=sandboxed):
            writer.write(frame.image, frame.time_s - start_s)
            if on_frame is not None:
                on_frame(frame, people)
