from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damaged import damage
from posemill.errors import InputError, SkeletonError
from posemill.pose.skeleton import COCO_17, PENN_13, Skeleton
from posemill.store.pose_file import ChunkPoses, chunk_bytes, chunk_from
from posemill.store.pose_store import PoseStore

ARRAYS = ("frame", "time_s", "people", "person_confidence", "xy", "confidence")
FACTS = ("medium", "fingerprint", "start", "end", "skeleton", "width_px", "height_px", "duration_s")


def poses(
    people: list[int], seed: int = 0, points: Skeleton = COCO_17, start: int = 0, end: int | None = None
) -> ChunkPoses:
    rng = np.random.default_rng(seed)
    n, k = sum(people), len(points)
    frame = start + np.arange(len(people), dtype=np.int32)
    xy = rng.uniform(-5, 2000, (n, k, 2)).astype(np.float32)
    confidence = rng.uniform(0, 1, (n, k)).astype(np.float32)
    hidden = rng.uniform(size=(n, k)) < 0.3
    xy[hidden], confidence[hidden] = np.nan, 0
    return ChunkPoses(
        f"{seed:064x}",
        "abc",
        start,
        end,
        points,
        640,
        360,
        12.5,
        frame,
        frame / 29.97,
        np.array(people, np.int32),
        rng.uniform(size=n),
        xy,
        confidence,
    )


def assert_same(one: ChunkPoses, other: ChunkPoses) -> None:
    for name in FACTS:
        assert getattr(one, name) == getattr(other, name)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 4), max_size=12), st.integers(0, 9), st.sampled_from([COCO_17, PENN_13]))
def test_poses_come_back_as_they_went(people: list[int], seed: int, points: Skeleton) -> None:
    chunk = poses(people, seed, points, start=seed * 10, end=seed * 10 + 12)
    assert_same(chunk, chunk_from(chunk_bytes(chunk), "here"))
    assert chunk_bytes(chunk) == chunk_bytes(chunk)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.booleans())
def test_depth_comes_back_and_without_it_the_file_is_as_before(people: list[int], propagated: bool) -> None:
    flat = replace(poses(people), propagated=np.ones(len(people), bool) if propagated else None)
    depth = np.where(np.isnan(flat.xy[..., 0]), np.nan, flat.xy[..., 0] - 7).astype(np.float32)
    deep = replace(flat, z=depth)
    back = chunk_from(chunk_bytes(deep), "here")
    assert_same(deep, back)
    np.testing.assert_array_equal(back.z, depth, strict=True)
    assert (back.propagated is not None) is propagated
    assert chunk_from(chunk_bytes(flat), "here").z is None
    assert chunk_bytes(flat) != chunk_bytes(deep)


def test_depth_of_another_shape_is_refused() -> None:
    with pytest.raises(SkeletonError, match="z should be"):
        replace(poses([1]), z=np.zeros((2, 17), np.float32))


def test_frames_without_anybody_were_looked_at_all_the_same() -> None:
    back = chunk_from(chunk_bytes(poses([0, 0, 1, 0])), "here")
    assert back.frame.tolist() == [0, 1, 2, 3]
    assert back.people.tolist() == [0, 0, 1, 0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SkeletonError, match=r"within 0\.\.2"):
        poses([1, 1, 1], start=0, end=2)
    with pytest.raises(InputError, match="here is not a readable Parquet"):
        chunk_from(b"PAR1", "here")


@pytest.mark.parametrize("scheme", ["{tmp}", "memory://poses-{name}"])
def test_the_store_lists_stretches_by_medium(tmp_path: Path, scheme: str) -> None:
    store = PoseStore(scheme.format(tmp=tmp_path, name=tmp_path.name))
    assert store.stretches("abc") == {}
    last, first, other = poses([1], 1, start=300), poses([2, 0], 1, end=300), poses([], 2)
    for chunk in (last, first, other, first):
        store.put(chunk)
    assert store.stretches("abc") == {first.medium: [(0, 300), (300, None)], other.medium: [(0, None)]}
    assert store.stretches("other") == {}
    assert store.has(first.medium, "abc", (0, 300))
    assert not store.has(first.medium, "abc", (0, None))
    assert_same(first, store.get(first.medium, "abc", (0, 300)))
    with pytest.raises(InputError, match="has no poses"):
        store.get(other.medium, "abc", (0, 4))


def test_damaged_poses_are_named_with_what_to_do(tmp_path: Path) -> None:
    """The footer is whole, so that opening the file does not notice."""
    store, chunk = PoseStore(str(tmp_path)), poses([2] * 50)
    store.put(chunk)
    (file,) = tmp_path.rglob("*.parquet")
    damage(file)
    with pytest.raises(InputError, match=r"\.parquet is not a readable Parquet file: .*remove the file, and"):
        store.get(chunk.medium, "abc", (0, None))


def test_a_half_written_file_is_no_poses(tmp_path: Path) -> None:
    store = PoseStore(str(tmp_path))
    store.put(poses([1]))
    (file,) = tmp_path.rglob("*.parquet")
    file.rename(file.with_name(f"{file.name}.1234.part"))
    assert store.stretches("abc") == {}


def test_a_put_that_was_killed_leaves_nothing_that_counts_as_poses(tmp_path: Path) -> None:
    store, chunk = PoseStore(str(tmp_path)), poses([1, 2], end=50)
    store.put(chunk)
    (stored,) = tmp_path.rglob("*.parquet")
    for name in (f".{stored.stem[:80]}.0a1b2c3d.part.parquet", f".{stored.stem}.0a1b2c3d.part.parquet"):
        stored.with_name(name).write_bytes(b"PAR1 half")  # as posemill.atomic names it
    assert store.stretches("abc") == {chunk.medium: [(0, 50)]}
