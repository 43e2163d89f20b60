"""Evidence picture of a scenario: frames with skeletons at its worst moments, or skeletons alone."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posemill.pose.skeleton import SKELETONS, Skeleton
from posemill.serving.schemas.activity import TrackPoints, VideoAnswer
from posemill.uat.checks import Check, ScenarioChecks

NEAR_S = 0.25  # a pose at most this far from the moment is drawn
SHOWN = 4  # moments of one scenario
SIDE_PX = 480


def moments(outcome: ScenarioChecks) -> list[Check]:
    """Checks to show: those that failed, else the first."""
    failed = [check for check in outcome.checks if not check.passed]
    return failed[:SHOWN] or list(outcome.checks[:1])


def evidence(clip: Path | None, answer: VideoAnswer, outcome: ScenarioChecks) -> bytes:
    """JPEG with one captioned picture per moment. Without a video file, skeletons are drawn on grey."""
    shown = moments(outcome)
    return _sheet(shown, [_picture(clip, answer, outcome.person, check.moment_s) for check in shown])


def frames(clip: Path, outcome: ScenarioChecks) -> bytes:
    """JPEG with one captioned frame of the video per moment, without skeletons."""
    shown = moments(outcome)
    return _sheet(shown, [_frame(clip, check.moment_s) for check in shown])


def _sheet(shown: Sequence[Check], pictures: Sequence[NDArray[np.uint8]]) -> bytes:
    from posemill.video.draw import contact_sheet

    captions = [f"{c.moment_s:.2f} s: expected {c.expected}, answered {c.answered}" for c in shown]
    height, width = pictures[0].shape[:2]
    scale = SIDE_PX / max(width, height)
    sheet = contact_sheet(pictures, 2, captions, cell_px=(round(width * scale), round(height * scale)))
    return _jpeg(sheet)


def data_uri(jpeg: bytes) -> str:
    """Encode a JPEG as a data URI, for self-contained pages."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _picture(clip: Path | None, answer: VideoAnswer, person: int | None, time_s: float) -> NDArray[np.uint8]:
    from posemill.video.draw import MIDDLE, PEOPLE, draw_pose

    image = _frame(clip, time_s) if clip else _grey(answer)
    for other in answer.people:
        pose = None if other.track is None else _pose(other.track, time_s)
        if pose is not None:
            skeleton = _skeleton(answer.video.skeleton, len(pose[0]))
            image = draw_pose(image, *pose, skeleton, MIDDLE if other.person == person else PEOPLE[-1])
    return image


def _frame(clip: Path, time_s: float) -> NDArray[np.uint8]:
    from posemill.video.sandboxed import read_frame_sandboxed

    return read_frame_sandboxed(clip, time_s).image


def _grey(answer: VideoAnswer) -> NDArray[np.uint8]:
    return np.full((answer.video.height_px, answer.video.width_px, 3), 235, np.uint8)


def _skeleton(name: str, keypoints: int) -> Skeleton:
    """A known skeleton, or dots for a custom one, whose edges the answer lacks."""
    dots = Skeleton(name, tuple(str(k) for k in range(keypoints)), (), (), (0.1,) * keypoints)
    return SKELETONS.get(name, dots)


def _pose(track: TrackPoints, time_s: float) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """xy (K, 2) and confidence (K,) of the pose nearest in time; None if none is near."""
    if not track.time_s:
        return None
    row = int(np.abs(np.array(track.time_s) - time_s).argmin())
    if abs(track.time_s[row] - time_s) > NEAR_S:
        return None
    xy = np.array(track.xy[row], np.float32).reshape(-1, 2)  # null becomes NaN
    return xy, np.array(track.confidence[row], np.float32)


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    import cv2

    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    return encoded.tobytes()


def alt_text(checks: Sequence[Check]) -> str:
    """Alternative text of the picture, for screen readers."""
    return "; ".join(f"at {c.moment_s:.2f} s {c.answered} where {c.expected} was expected" for c in checks)
