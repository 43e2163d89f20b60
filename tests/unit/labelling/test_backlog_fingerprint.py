from __future__ import annotations

import pytest

from posemill.estimation.fingerprint import UNRELATED, fingerprint, pose_fingerprint
from posemill.params.label import LabelParams
from posemill.params.tracking import TrackingParams

DESCRIBES = {"backend": "openpifpaf", "checkpoint_sha256": "0" * 64}
PLAIN = LabelParams()


@pytest.mark.parametrize(
    "change",
    [{"threads": 1}, {"batch_frames": 3}, {"chunk_s": 5.0}, {"attempts": 9}, {"checkpoint": "a/copy/of/the/same.pt"}],
)
def test_what_has_nothing_to_do_with_keypoints_changes_neither(change: dict[str, object]) -> None:
    params = PLAIN.model_copy(update=change)
    assert pose_fingerprint(DESCRIBES, params) == pose_fingerprint(DESCRIBES, PLAIN)
    assert fingerprint(DESCRIBES, params) == fingerprint(DESCRIBES, PLAIN)


def test_tracking_changes_tracks_and_no_poses() -> None:
    params = LabelParams(tracking=TrackingParams(min_oks=0.5))
    assert pose_fingerprint(DESCRIBES, params) == pose_fingerprint(DESCRIBES, PLAIN)
    assert fingerprint(DESCRIBES, params) != fingerprint(DESCRIBES, PLAIN)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # values need not make sense to count
def test_every_other_parameter_changes_both() -> None:
    """A parameter that somebody adds counts, until it is said that it does not."""
    other = {
        name: "x" if isinstance(value, str) else not value if isinstance(value, bool) else 7
        for name, value in PLAIN.model_dump().items()
        if name not in UNRELATED
    }
    assert {"frame_stride", "long_edge_px", "backend"} <= set(other)
    for name, value in other.items():
        params = PLAIN.model_copy(update={name: value})
        assert pose_fingerprint(DESCRIBES, params) != pose_fingerprint(DESCRIBES, PLAIN), name
        assert fingerprint(DESCRIBES, params) != fingerprint(DESCRIBES, PLAIN), name


def test_so_does_what_the_backend_says_of_itself() -> None:
    other = {**DESCRIBES, "checkpoint_sha256": "1" * 64}
    assert pose_fingerprint(other, PLAIN) != pose_fingerprint(DESCRIBES, PLAIN)
    assert fingerprint(other, PLAIN) != fingerprint(DESCRIBES, PLAIN)
