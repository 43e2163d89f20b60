"""Client: one method an endpoint. Errors of the service come back as posemill's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posemill.pose.gaps import found_only
from posemill.pose.track import PoseTrack
from posemill.serving import tensors
from posemill.serving.arrays import with_nulls
from posemill.serving.client.applications import ApplicationCalls
from posemill.serving.client.live import LiveCalls
from posemill.serving.schemas.activity import TrackAnswer, WindowsAnswer


class Client(ApplicationCalls, LiveCalls):
    """Client of a running service at `url`, such as http://127.0.0.1:3000.

    Errors of every call: InputError with the service's sentence when it refuses what was sent, Unavailable when it
    cannot be reached or is overloaded, PosemillError when it failed.

    Examples
    --------
    >>> client = Client("http://127.0.0.1:3000")
    >>> client.analyse_video(Path("clip.mp4")).verdict.activity  # doctest: +SKIP
    'squat'
    """

    def predict_windows(self, windows: NDArray[np.floating], binary: bool = True) -> WindowsAnswer:
        """Predict windows (N, T, K, 3) in pixels, NaN = not seen, as build/prepare/windows.npy holds them.

        binary  send them as safetensors, in the array's own precision (float16 or else float32), not as JSON, which
                is five times as long and takes a hundred times as long to read. The answer is the same.
        """
        if not binary:
            return WindowsAnswer.model_validate(self.post("/predict_windows", {"windows": with_nulls(windows)}))
        kind = np.float16 if windows.dtype == np.float16 else np.float32
        body = tensors.write({tensors.NAME: np.asarray(windows, kind)})
        headers = {"Content-Type": tensors.MEDIA_TYPE}
        return WindowsAnswer.model_validate(self.send("POST", "/predict_windows", body, headers))

    def predict_track(self, track: PoseTrack) -> TrackAnswer:
        """Predict one person's track. Keypoints go by name, so that any skeleton with the model's keypoints works.

        Interpolated rows are not sent: they are no sightings, and the model fills gaps by itself.
        """
        track = found_only(track)
        body = {
            "keypoints": list(track.skeleton.keypoints),
            "time_s": track.time_s.tolist(),
            "xy": with_nulls(track.xy),
            "confidence": track.confidence.tolist(),
        } | ({} if track.z is None else {"z": with_nulls(track.z)})
        return TrackAnswer.model_validate(self.post("/predict_track", body))
