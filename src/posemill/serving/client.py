"""A small client: the standard library and numpy. Errors of the service come back as posemill's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.track import PoseTrack
from posemill.serving import npz
from posemill.serving.checks import with_nulls
from posemill.serving.client_analysis import AnalysisCalls
from posemill.serving.client_live import LiveCalls
from posemill.serving.schema import TrackAnswer, WindowsAnswer


class Client(AnalysisCalls, LiveCalls):
    """Talks to a running service at `url`, such as http://127.0.0.1:3000.

    Errors of every call: InputError with the service's sentence when it refuses what was sent, Unavailable when it
    cannot be reached or is overloaded, PosemillError when it failed.
    """

    def predict_windows(self, windows: NDArray[np.floating], binary: bool = True) -> WindowsAnswer:
        """(N, T, K, 3) pixels, NaN = not seen, as build/prepare/windows.npy holds them.

        binary  send them as a NumPy archive, in the array's own precision (float16 or else float32), not as JSON,
                which is five times as long and takes a hundred times as long to read. The answer is the same.
        """
        if not binary:
            return WindowsAnswer.model_validate(self.post("/predict_windows", {"windows": with_nulls(windows)}))
        kind = np.float16 if windows.dtype == np.float16 else np.float32
        body = npz.write({npz.NAME: np.asarray(windows, kind)})
        return WindowsAnswer.model_validate(
            self.send("POST", "/predict_windows", body, {"Content-Type": npz.MEDIA_TYPE})
        )

    def predict_track(self, track: PoseTrack) -> TrackAnswer:
        """One person's track. Keypoints go by name, so that any skeleton with the model's keypoints works."""
        body = {
            "keypoints": list(track.skeleton.keypoints),
            "time_s": track.time_s.tolist(),
            "xy": with_nulls(track.xy),
            "confidence": track.confidence.tolist(),
        } | ({} if track.z is None else {"z": with_nulls(track.z)})
        return TrackAnswer.model_validate(self.post("/predict_track", body))
