"""Captures of any track: short ones, uneven ones, keypoints that come and go."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posemill.applications.mocap.app import MotionCapture
from posemill.applications.mocap.bones import bvh_motion
from posemill.applications.mocap.capture import capture
from posemill.applications.mocap.export import markers
from posemill.applications.protocol import Measurement, Output, StreamFacts, TrackedFrame, TrackedPose
from posemill.applications.ratios.app import BodyRatios
from posemill.errors import InputError
from posemill.pose.skeleton import BLAZEPOSE_33
from posemill.pose.track import PoseTrack, State


def any_track(frames: int, unseen: float, with_z: bool, seed: int) -> PoseTrack:
    rng = np.random.default_rng(seed)
    xyz = rng.normal(200, 60, (1, 33, 3)) + rng.normal(0, 5, (frames, 33, 3)).cumsum(0)
    hidden = rng.uniform(size=(frames, 33)) < unseen
    xyz[hidden] = np.nan
    return PoseTrack(
        skeleton=BLAZEPOSE_33,
        person=0,
        frame=np.arange(frames, dtype=np.int32),
        time_s=np.cumsum(rng.uniform(0.02, 0.1, frames)),
        xy=xyz[..., :2].astype(np.float32),
        confidence=np.where(hidden, 0, 0.9).astype(np.float32),
        state=np.full(frames, State.PREDICTED, np.uint8),
        z=xyz[..., 2].astype(np.float32) if with_z else None,
    )


@given(
    frames=st.integers(1, 40),
    unseen=st.sampled_from([0.0, 0.1, 0.5, 0.95]),
    with_z=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("error")
def test_a_capture_is_finite_or_empty_and_never_breaks(frames: int, unseen: float, with_z: bool, seed: int) -> None:
    try:
        found = capture(any_track(frames, unseen, with_z, seed), 640, 480)
    except InputError:
        return
    count = len(found.time_s)
    assert found.points.shape == (count, 18, 3)
    assert not np.isinf(found.points).any()
    assert all(values.shape == (count,) and not np.isinf(values).any() for values in found.angles.values())
    assert markers(found)[0].positions.shape[0] == count
    with suppress(InputError):  # hips or shoulders were never seen
        assert np.isfinite(bvh_motion(found).values).all()


@pytest.mark.parametrize("application", [MotionCapture, BodyRatios])
@given(
    frames=st.integers(1, 60),
    unseen=st.sampled_from([0.0, 0.3, 0.9]),
    with_z=st.booleans(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_streams_of_any_poses_give_finite_measurements(
    application: type[MotionCapture] | type[BodyRatios], frames: int, unseen: float, with_z: bool, seed: int
) -> None:
    app, track = application(), any_track(frames, unseen, with_z, seed)
    app.start(StreamFacts(BLAZEPOSE_33, 640, 480))
    outputs: list[Output] = []
    for row in range(frames):
        z = None if track.z is None else track.z[row]
        poses = {0: TrackedPose(track.xy[row], track.confidence[row], z)} if row % 7 else {}
        outputs += app.update(TrackedFrame(row, float(track.time_s[row]), poses))
        app.annotations()
    outputs += app.finish()
    for output in outputs:
        assert isinstance(output, Measurement)
        assert (output.value is None) == (output.reason is not None)
        assert all(value is None or np.isfinite(value) for value in (output.value, output.low, output.high))
    assert all(value is None or np.isfinite(value) for value in app.summary().values() if isinstance(value, float))
