"""Predictions over the poses or frames of one live connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from posemill.errors import InputError
from posemill.pose.track import PoseTrack
from posemill.prediction.live_windows import LivePoses, LivePredictor
from posemill.serving.arrays import track_of
from posemill.serving.live_messages import BadMessage, FrameMessage, Message, PoseMessage, SkeletonMessage
from posemill.serving.schemas.activity import TrackRequest

ONLY_2D = "/live takes x and y, and this model reads z too: send whole tracks to /predict_track"


class LiveFrames(Protocol):
    """Follows people through frames, see live_frames.py."""

    def take(self, content: bytes, time_s: float) -> dict[str, Any] | None:
        """A prediction when one is due. Errors: InputError."""
        ...


class PredictionStream:
    """One connection's poses or frames, and the predictions over them."""

    def __init__(self, predictor: LivePredictor, frames: Callable[[], LiveFrames] | None) -> None:
        self._predictor, self._make_frames = predictor, frames
        self._names: SkeletonMessage | None = None
        self._poses: LivePoses | None = None
        self._frames: LiveFrames | None = None

    def take(self, message: Message) -> dict[str, Any] | None:
        """A prediction when one is due. Errors: InputError, PosemillError."""
        match message:
            case BadMessage(says):
                raise InputError(says)
            case SkeletonMessage():
                self._begin(message)
                return None
            case PoseMessage(fields):
                if self._names is None or self._poses is None:
                    raise InputError(
                        'say first which keypoints come: {"skeleton": "coco-17"} or {"keypoints": [names]}'
                    )
                return self._poses.take(self._pose(self._names, [fields]))
            case FrameMessage(time_s, content):
                if self._make_frames is None:
                    raise InputError("this service takes keypoints; frames are for the analysis service")
                if self._predictor.features.coordinates == 3:
                    raise InputError(ONLY_2D)
                self._frames = self._frames or self._make_frames()
                return self._frames.take(content, time_s)

    def _begin(self, names: SkeletonMessage) -> None:
        if self._predictor.features.coordinates == 3:
            raise InputError(ONLY_2D)
        self._names = self._poses = None
        self._pose(names, [])  # names that do not fit are told now
        self._names, self._poses = names, LivePoses(self._predictor)

    def _pose(self, names: SkeletonMessage, fields: list[dict[str, Any]]) -> PoseTrack:
        """A track of one pose or none, in the model's keypoints; of a pair, the partner's where they were sent."""
        confidence = [f["confidence"] for f in fields if f.get("confidence") is not None]
        request = TrackRequest(
            skeleton=names.skeleton,
            keypoints=names.keypoints,
            time_s=[f["time_s"] for f in fields],
            xy=[f["xy"] for f in fields],
            confidence=confidence or None,
        )
        return self._predictor.features.convert(track_of(request))
