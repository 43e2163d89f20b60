"""Pairs of people: one track of twice the keypoints, whoever is nearest, and nobody where nobody is near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from interacting_people import interaction
from posemill.errors import SkeletonError
from posemill.pose.definition import defined, definition
from posemill.pose.pairs import own, pair, paired, partner_of, with_partner
from posemill.pose.skeleton import BODY_12, COCO_17, SKELETONS
from posemill.pose.track import PoseTrack


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_a_pair_is_a_skeleton_like_any_other(name: str) -> None:
    body = SKELETONS[name]
    both = paired(body)
    assert len(both) == 2 * len(body)
    assert len(both.edges) == 2 * len(body.edges)
    np.testing.assert_array_equal(both.flip_index, [*body.flip_index, *(body.flip_index + len(body))])
    assert own(both) == body
    assert own(body) == body
    assert defined(definition(both)) == both


def test_the_partner_is_seen_in_the_same_frames() -> None:
    first, second = interaction("hug", 3).tracks
    late = second.rows(np.arange(5, len(second)))
    both = pair(first, late)
    np.testing.assert_array_equal(both.xy[:, :17], first.xy)
    assert np.isnan(both.xy[:5, 17:]).all()
    assert not both.confidence[:5, 17:].any()
    np.testing.assert_array_equal(both.xy[5:, 17:], second.xy[5:])
    alone = with_partner(first, [])
    np.testing.assert_array_equal(alone.xy[:, :17], first.xy)
    assert np.isnan(alone.xy[:, 17:]).all()


def test_z_of_the_partner_comes_along() -> None:
    first, second = (replace(t, z=t.xy[..., 0] / 2) for t in interaction("push", 1).tracks)
    both = pair(first, second)
    assert both.z is not None
    np.testing.assert_array_equal(both.z, both.xy[..., 0] / 2)


def shifted(track: PoseTrack, x_px: float, person: int = 7, size: float = 1.0) -> PoseTrack:
    middle = np.nanmean(track.xy, axis=(0, 1))
    return replace(track, person=person, xy=((track.xy - middle) * size + middle + [x_px, 0]).astype(np.float32))


def test_the_nearest_of_like_size_is_the_partner() -> None:
    first, second = interaction("handshake", 2).tracks
    height = float(np.nanmax(np.ptp(first.xy[..., 1], axis=1)))
    way = float(np.sign(np.nanmean(second.xy[..., 0]) - np.nanmean(first.xy[..., 0])))
    far, farther = shifted(second, 0.8 * way * height), shifted(second, 9 * way * height)
    assert partner_of(first, [far, second, farther]) is second
    assert partner_of(first, [far]) is far
    assert partner_of(first, [farther]) is None  # nobody within reach
    assert partner_of(first, [shifted(second, 0, size=0.2)]) is None  # far behind
    assert partner_of(first, [second.rows(np.arange(2))]) is None  # there for a moment
    assert partner_of(first, [replace(first, person=9)]) is None  # a piece of the person's own track


def test_a_partner_without_the_keypoints_is_refused() -> None:
    first, second = interaction("kick", 0).tracks
    with pytest.raises(SkeletonError, match="no nose"):
        pair(first, second.to(BODY_12))
    assert pair(first.to(BODY_12), second).skeleton == paired(BODY_12)
    assert first.skeleton == COCO_17
