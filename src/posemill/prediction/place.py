"""Place of a person in the picture: the box around the keypoints, and the third of the picture."""

from __future__ import annotations

import numpy as np

from posemill.pose.track import PoseTrack


def usual_box(track: PoseTrack) -> list[float] | None:
    """Return the left, top, right and bottom in pixels, each the median over the poses; None for an empty track.

    Examples:
        >>> from posemill import SKELETONS
        >>> track = PoseTrack.from_numpy(np.ones((9, 17, 2)) * [20, 30], SKELETONS["coco-17"], fps=25)
        >>> usual_box(track)
        [20.0, 30.0, 20.0, 30.0]
    """
    if not len(track):
        return None
    low, high = np.fmin.reduce(track.xy, axis=1), np.fmax.reduce(track.xy, axis=1)
    known = np.isfinite(low[:, 0])
    if not known.any():
        return None
    box = np.concatenate([np.median(low[known], axis=0), np.median(high[known], axis=0)])
    return [round(float(value), 1) for value in box]


def third(box: list[float] | None, width_px: int) -> str | None:
    """Return `left`, `middle` or `right`, where the middle of a box is in a picture.

    Examples:
        >>> third([20, 0, 60, 100], 640)
        'left'
    """
    if box is None:
        return None
    return ("left", "middle", "right")[min(max(int(1.5 * (box[0] + box[2]) / width_px), 0), 2)]
