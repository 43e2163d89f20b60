"""Accuracy of tracks with known errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posemill.estimation.accuracy import compare
from posemill.pose.skeleton import COCO_17, Skeleton
from posemill.pose.track import MediumTracks, PoseTrack

BODY = np.random.default_rng(3).uniform(0, 100, (17, 2)).astype(np.float32)
TORSO = max(
    float(np.linalg.norm(BODY[COCO_17.index(a)] - BODY[COCO_17.index(b)]))
    for a, b in (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip"))
)


def tracks(people: list[tuple[float, int]], frames: int = 10, skeleton: Skeleton = COCO_17) -> MediumTracks:
    """People as (x of their place, number of frames in view)."""
    return MediumTracks(
        "m",
        "l",
        skeleton,
        640,
        480,
        frames,
        frames / 25,
        tuple(
            PoseTrack(
                skeleton,
                number,
                np.arange(n, dtype=np.int32),
                np.arange(n) / 25,
                np.repeat(BODY[None] + np.array([x, 0], np.float32), n, 0),
                np.ones((n, 17), np.float32),
                np.zeros(n, np.uint8),
            )
            for number, (x, n) in enumerate(people)
        ),
    )


def test_the_truth_is_perfect() -> None:
    truth = tracks([(0, 10), (300, 10)])
    found = compare([(truth, truth)])
    assert found is not None
    assert (found.poses, found.mean_oks, found.recall, found.median_error_torso) == (20, 1, 1, 0)


def test_a_person_who_is_not_found_counts_as_nothing() -> None:
    found = compare([(tracks([(300, 10)]), tracks([(0, 10), (300, 10)]))])
    assert found is not None
    assert found.mean_oks == pytest.approx(0.5)
    assert found.recall == pytest.approx(0.5)


def test_a_shift_is_measured_in_torsos() -> None:
    found = compare([(tracks([(0.1 * TORSO, 10)]), tracks([(0, 10)]))])
    assert found is not None
    assert found.median_error_torso == pytest.approx(0.1, rel=1e-3)
    assert 0.3 < found.mean_oks < 1


def test_too_many_found_people_do_no_harm() -> None:
    found = compare([(tracks([(0, 10), (300, 10), (500, 4)]), tracks([(0, 10)]))])
    assert found is not None
    assert found.mean_oks == 1


def test_frames_that_were_skipped_are_not_judged() -> None:
    truth = tracks([(0, 10)])
    every_second = replace(
        truth.tracks[0],
        **{name: getattr(truth.tracks[0], name)[::2] for name in ("frame", "time_s", "xy", "confidence", "state")},
    )
    found = compare([(replace(truth, frames=5, tracks=(every_second,)), truth)])
    assert found is not None
    assert (found.poses, found.mean_oks) == (5, 1)


def test_nothing_known_gives_nothing() -> None:
    assert compare([]) is None
    assert compare([(tracks([(0, 10)]), tracks([]))]) is None
