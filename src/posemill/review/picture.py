"""Contact sheet of a review item: the person frame by frame, with the signals of each frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping

from posemill.errors import InputError
from posemill.estimation.overlay import Overlay
from posemill.pose.signals import signals
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.review.labelled import Labelled
from posemill.review.ranking import worst_frames
from posemill.video.draw import contact_sheet
from posemill.video.sandboxed import read_frames_sandboxed

COLUMNS = 4
MARGIN = 0.25  # of the person's box, shown around it
CELL_PX = 320  # longer side of a cell


def draw_item(labelled: Labelled, item: RowMapping, count: int = 8) -> NDArray[np.uint8]:
    """Draw a contact sheet (H, W, 3) of the item's worst frames, each with the frame before it, cut to the person.

    Errors: InputError when the person is not in the medium's tracks any more.
    """
    if item["medium"] is None:
        raise InputError(
            f"review item {item['item']}: the client's file is not here: give it with `posemill uat confirm --media`"
        )
    tracks = labelled.tracks(item["medium"])
    track = next((t for t in tracks.tracks if t.person == item["person"]), None)
    worst = worst_frames(track, item["start_s"], item["end_s"], count) if track else []
    if track is None or not worst:
        raise InputError(f"review item {item['item']}: its medium has no person {item['person']} there any more")
    rows = np.searchsorted(track.frame, worst)
    shown = sorted({int(track.frame[row]) for row in (*rows, *(rows - 1).clip(0))})[: 2 * count]
    captions_by_frame = _signals_by_frame(track)
    box = _box(tracks, track, rows)
    pictures, captions = [], []
    overlay = Overlay(tracks, sides=True)
    for frame in read_frames_sandboxed(labelled.path(item["medium"]), start=shown[0], end=shown[-1] + 1):
        if frame.index in shown:
            drawn, _ = overlay.draw(replace(frame, image=frame.image.copy()))
            pictures.append(np.ascontiguousarray(drawn.image[box[1] : box[3], box[0] : box[2]]))
            captions.append(f"{frame.time_s:.2f} s: {captions_by_frame.get(frame.index, 'no signal')}")
    width, height = box[2] - box[0], box[3] - box[1]
    scale = CELL_PX / max(width, height)
    return contact_sheet(pictures, COLUMNS, captions, cell_px=(round(width * scale), round(height * scale)))


def _signals_by_frame(track: PoseTrack) -> dict[int, str]:
    """Signals above their limit by frame number, with their values."""
    values = signals(track)
    raised: dict[int, list[str]] = {}
    for name, value in values.items():
        for row in np.flatnonzero(value >= 1).tolist():
            raised.setdefault(int(track.frame[row]), []).append(f"{name} {value[row]:.1f}")
    return {frame: ", ".join(listed) for frame, listed in raised.items()}


def _box(tracks: MediumTracks, track: PoseTrack, rows: NDArray[np.int64]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the person in these poses with a margin, inside the picture."""
    xy = track.xy[rows].reshape(-1, 2)
    xy = xy[~np.isnan(xy[:, 0])]
    size = np.array([tracks.width_px, tracks.height_px])
    if not len(xy):
        return 0, 0, tracks.width_px, tracks.height_px
    low, high = np.clip(xy.min(0), 0, size), np.clip(xy.max(0), 0, size)
    margin = max(float((high - low).max()) * MARGIN, 16.0)
    left, top = np.floor(np.clip(low - margin, 0, size - 2)).astype(int).tolist()
    right, bottom = np.ceil(np.clip(high + margin, [left + 2, top + 2], size)).astype(int).tolist()
    return left, top, right, bottom
