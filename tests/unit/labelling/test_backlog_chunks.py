from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posemill.estimation.types import FramePoses, Pose
from posemill.labelling.chunks import chain, chunk_frames, chunk_of_frames, cover, frames_of_chunk, grid
from posemill.pose.skeleton import COCO_17

sizes = st.integers(1, 400)
lengths = st.integers(1, 3000)


@given(lengths, sizes, st.integers(0, 2000))
def test_a_grid_leaves_no_frame_out_and_has_none_twice(frames: int, size: int, start: int) -> None:
    stretches = grid(frames, size, start)
    assert stretches[0][0] == start
    assert stretches[-1][1] is None
    assert all(one[1] == other[0] for one, other in pairwise(stretches))
    assert all(end - begin == size for begin, end in stretches[:-1] if end is not None)
    if len(stretches) > 1:
        assert 0.5 * size <= frames - stretches[-1][0] <= 1.5 * size


def test_a_short_rest_is_no_chunk_of_its_own() -> None:
    assert grid(100, 300) == [(0, None)]
    assert grid(449, 300) == [(0, None)]
    assert grid(450, 300) == [(0, 300), (300, None)]
    assert chunk_frames(60, 29.97) == 1798
    assert chunk_frames(0.001, 10) == 1


@given(lengths, sizes, sizes, st.data())
def test_what_is_stored_is_kept_and_the_rest_is_filled(frames: int, size: int, other: int, data: st.DataObject) -> None:
    """Also where the stored stretches were cut with another size."""
    stored = data.draw(st.lists(st.sampled_from(grid(frames, other)), unique=True))
    covered = cover(stored, frames, size)
    assert {stretch for stretch, is_done in covered if is_done} == set(stored)
    assert chain([stretch for stretch, _ in covered]) == [stretch for stretch, _ in covered]


def test_a_chain_is_whole_or_nothing() -> None:
    assert chain([(300, None), (0, 300)]) == [(0, 300), (300, None)]
    assert chain([(0, 300)]) == []
    assert chain([(0, 300), (400, None)]) == []
    assert chain([]) == []
    # of stretches that overlap, those are taken that lead to the end
    assert chain([(0, 600), (0, 300), (300, None)]) == [(0, 300), (300, None)]
    assert chain([(0, 300), (0, None), (300, None)]) == [(0, None)]


@given(st.lists(st.integers(0, 3), max_size=8), st.integers(0, 5))
def test_poses_come_back_from_the_store_as_the_engine_gave_them(people: list[int], start: int) -> None:
    rng = np.random.default_rng(len(people))

    def pose() -> Pose:
        xy = rng.uniform(0, 99, (17, 2)).astype(np.float32)
        xy[3] = np.nan
        return Pose(xy, rng.uniform(0, 1, 17).astype(np.float32), float(rng.uniform()))

    found = [FramePoses(start + 2 * i, 0.1 * i, [pose() for _ in range(n)]) for i, n in enumerate(people)]
    chunk = chunk_of_frames(found, "a" * 64, "f", (start, start + 2 * len(people) + 1), COCO_17, (64, 48), 1.5)
    back = list(frames_of_chunk(chunk))
    assert [(f.frame, f.time_s, len(f.poses)) for f in back] == [(f.frame, f.time_s, len(f.poses)) for f in found]
    for one, other in zip(found, back, strict=True):
        for a, b in zip(one.poses, other.poses, strict=True):
            np.testing.assert_array_equal(a.xy, b.xy, strict=True)
            np.testing.assert_array_equal(a.confidence, b.confidence, strict=True)
            assert a.person_confidence == b.person_confidence
