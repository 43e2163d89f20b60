"""Windows of a clip: its main subject is found and cut, once, for training and for evaluation alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posemill.features.main_subject import main_subject
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.track import MediumTracks, PoseTrack


@dataclass(frozen=True, slots=True, eq=False)
class ClipWindows:
    """Main subject of a clip, and the windows of them as FeaturePipeline.windows cuts them.

    subject  the poses inside the clip, of this person alone.
    windows  (N, T, K, C) float32 pixels; N is 0 where the subject is hardly seen.
    spans    (N, 2) float64 seconds.
    """

    subject: PoseTrack
    windows: NDArray[np.float32]
    spans: NDArray[np.float64]


def clip_windows(features: FeaturePipeline, tracks: MediumTracks, start_s: float, end_s: float) -> ClipWindows | None:
    """Cut the main subject between start_s and end_s (NaN = to the medium's end) into windows; None for nobody."""
    subject = main_subject(tracks, start_s, end_s)
    if subject is None:
        return None
    end = min(float(np.nan_to_num(end_s, nan=np.inf)), max(tracks.duration_s, start_s))
    return ClipWindows(subject, *features.windows(subject, start_s, end, tracks.others(subject)))
