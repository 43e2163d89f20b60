from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from damaged import damage
from posemill.errors import InputError
from posemill.pose.skeleton import COCO_17, PENN_13, SKELETONS, Skeleton
from posemill.pose.track import FrameTimes, MediumTracks, PoseTrack, State
from posemill.store.shards import layouts
from posemill.store.track_file import medium_bytes, parse_medium
from posemill.store.tracks import (
    TrackStore,
    read_medium,
    read_shard_media,
    read_shard_medium,
    read_shards,
    shard_paths,
    write_medium,
    write_shards,
)


def a_track(person: int, length: int, seed: int, points: Skeleton = COCO_17, unseen: float = 0.3) -> PoseTrack:
    rng = np.random.default_rng(seed)
    frame = np.sort(rng.choice(10 * length + 1, length, replace=False)).astype(np.int32)
    xy = rng.uniform(-50, 2000, (length, len(points), 2)).astype(np.float32)
    confidence = rng.uniform(0, 1, (length, len(points))).astype(np.float32)
    hidden = rng.uniform(0, 1, (length, len(points))) < unseen
    xy[hidden], confidence[hidden] = np.nan, 0
    state = rng.integers(0, 3, length).astype(np.uint8)
    return PoseTrack(points, person, frame, frame / 29.97, xy, confidence, state)


def a_medium(seed: int, lengths: list[int], points: Skeleton = COCO_17, unseen: float = 0.3) -> MediumTracks:
    tracks = tuple(a_track(p, n, seed * 100 + p, points, unseen) for p, n in enumerate(lengths))
    return MediumTracks(f"{seed:064x}", "abc-1", points, 640, 360, 100 + seed, 4.25, tracks)


def assert_same(one: MediumTracks, other: MediumTracks) -> None:
    for name in ("medium", "labeller", "skeleton", "width_px", "height_px", "frames", "duration_s"):
        assert getattr(one, name) == getattr(other, name)
    kept = sorted((t for t in one.tracks if len(t)), key=lambda t: t.person)
    assert [t.person for t in kept] == [t.person for t in other.tracks]
    for a, b in zip(kept, other.tracks, strict=True):
        for name in ("frame", "time_s", "xy", "confidence", "state"):
            assert getattr(a, name).dtype == getattr(b, name).dtype
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


media = st.builds(
    a_medium,
    seed=st.integers(0, 10_000),
    lengths=st.lists(st.integers(0, 12), max_size=4),
    points=st.sampled_from(list(SKELETONS.values())),
    unseen=st.sampled_from([0.0, 0.5, 1.0]),
)


@settings(deadline=None, max_examples=40)
@given(tracks=media)
def test_a_medium_comes_back_as_it_went(tracks: MediumTracks, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tracks") / "one.parquet"
    write_medium(path, tracks)
    assert_same(tracks, read_medium(path))


@settings(deadline=None, max_examples=25)
@given(
    many=st.lists(media, max_size=6, unique_by=lambda m: m.medium),
    shard_rows=st.integers(1, 40),
)
def test_shards_hold_every_medium_once(
    many: list[MediumTracks], shard_rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    entries = write_shards(folder, many, shard_rows)
    back = {m.medium: m for m in read_shards(folder)}
    assert set(back) == {m.medium for m in many} == {e.medium for e in entries}
    for tracks, entry in zip(many, entries, strict=True):
        assert_same(tracks, back[tracks.medium])
        assert_same(tracks, read_shard_medium(folder / entry.shard, tracks.medium))
        assert tracks.skeleton.name in entry.shard
        assert entry.poses == sum(int((t.state != State.INTERPOLATED).sum()) for t in tracks.tracks)


def test_shards_are_written_while_media_come(tmp_path: Path) -> None:
    seen_while_writing: list[int] = []

    def coming() -> Iterator[MediumTracks]:
        for seed in range(6):
            seen_while_writing.append(len(shard_paths(tmp_path)))
            yield a_medium(seed, [10])

    write_shards(tmp_path, coming(), shard_rows=10)
    assert seen_while_writing == [0, 1, 2, 3, 4, 5]
    assert [p.name for p in shard_paths(tmp_path)] == [f"tracks-coco-17-{n}.parquet" for n in range(6)]


def test_two_media_more_change_few_shards(tmp_path: Path) -> None:
    """Where a shard ends depends on what is there, so that those after a new medium are as they were."""
    names = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(1202)]
    content = a_medium(0, [5])
    written: list[dict[bytes, int]] = []
    for many in (names[:1200], names):
        write_shards(tmp_path, (replace(content, medium=name) for name in sorted(many)), shard_rows=200)
        shards = [path.read_bytes() for path in shard_paths(tmp_path)]
        rows = [pq.read_metadata(path).num_rows for path in shard_paths(tmp_path)]
        assert all(100 <= count <= 204 for count in rows[:-1])
        written.append(dict(zip(shards, rows, strict=True)))
    before, after = written
    assert len(before) > 30
    assert len(after.keys() - before.keys()) <= 8
    assert len(before.keys() & after.keys()) >= len(before) - 8


def test_fewer_shards_leave_no_stale_ones(tmp_path: Path) -> None:
    write_shards(tmp_path, (a_medium(s, [10]) for s in range(4)), shard_rows=10)
    write_shards(tmp_path, [a_medium(9, [3], PENN_13)])
    assert [m.medium for m in read_shards(tmp_path)] == [f"{9:064x}"]


def test_a_medium_across_row_groups_is_read_alone(tmp_path: Path) -> None:
    many = [a_medium(1, [9_000]), a_medium(2, [9_000, 9_000]), a_medium(3, []), a_medium(4, [5])]
    (shard,) = {e.shard for e in write_shards(tmp_path, many)}
    for tracks in many:
        assert_same(tracks, read_shard_medium(tmp_path / shard, tracks.medium))


def test_some_media_of_a_shard_come_in_the_order_asked_for(tmp_path: Path) -> None:
    """Also those that share a row group, reach over two, and have no row at all."""
    many = [a_medium(seed, [7_000]) for seed in range(5)] + [a_medium(5, [])]
    (entry, *_) = write_shards(tmp_path, many)
    asked = [many[i] for i in (4, 2, 5, 0, 3, 1)]
    found = list(read_shard_media(tmp_path / entry.shard, [tracks.medium for tracks in asked]))
    for tracks, back in zip(asked, found, strict=True):
        assert_same(tracks, back)
    with pytest.raises(InputError, match="has no medium nobody; it holds 6 others"):
        list(read_shard_media(tmp_path / entry.shard, [many[0].medium, "nobody"]))
    assert [tracks.medium for tracks in read_shards(tmp_path, {many[3].medium, "nobody"})] == [many[3].medium]


def test_equal_tracks_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_medium(tmp_path / name, a_medium(3, [20, 5]))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_skeleton_of_ones_own_travels_with_its_tracks(tmp_path: Path) -> None:
    own = Skeleton("two-hands", ("left_hand", "right_hand"), (("left_hand", "right_hand"),), (), (0.1, 0.1))
    went = [a_medium(1, [5], own), a_medium(2, [4])]
    write_medium(tmp_path / "one.parquet", went[0])
    assert_same(read_medium(tmp_path / "one.parquet"), went[0])
    write_shards(tmp_path, went)
    assert {t.medium: t.skeleton for t in read_shards(tmp_path)} == {t.medium: t.skeleton for t in went}
    assert layouts(tmp_path, {went[0].medium}) == {(own, False)}
    assert layouts(tmp_path, {t.medium for t in went}) == {(own, False), (COCO_17, False)}
    other = Skeleton("two-hands", ("right_hand", "left_hand"), (("left_hand", "right_hand"),), (), (0.1, 0.1))
    with pytest.raises(InputError, match="two different skeletons are called two-hands"):
        write_shards(tmp_path, [went[0], a_medium(3, [5], other)])


def test_wrong_files_are_refused_by_name(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "noise").write_bytes(b"PAR1 no")
    pq.write_table(pa.table({"medium": ["x"]}), tmp_path / "other")
    with pytest.raises(InputError, match="noise is not a readable Parquet"):
        read_medium(tmp_path / "noise")
    with pytest.raises(InputError, match="no key 'posemill'"):
        read_medium(tmp_path / "other")
    write_shards(tmp_path, [a_medium(1, [2]), a_medium(2, [2])])
    with pytest.raises(InputError, match="found 2"):
        read_medium(shard_paths(tmp_path)[0])
    with pytest.raises(InputError, match="has no medium"):
        read_shard_medium(shard_paths(tmp_path)[0], "f" * 64)


def test_tracks_with_damaged_rows_are_refused_by_name(tmp_path: Path) -> None:
    """The footer is whole, so that opening the file does not notice."""
    tracks, store = a_medium(1, [200]), TrackStore(str(tmp_path / "store"))
    store.put(tracks)
    write_shards(tmp_path, [tracks])
    (shard,) = shard_paths(tmp_path)
    (stored,) = (tmp_path / "store").rglob("*.parquet")
    for path in (shard, stored):
        damage(path)
    with pytest.raises(InputError, match=r"is not a readable Parquet file: .*remove the file, and"):
        store.get(tracks.medium, "abc-1")
    with pytest.raises(InputError, match=f"{shard.name} is not a readable Parquet"):
        next(read_shards(tmp_path))
    with pytest.raises(InputError, match=f"{shard.name} is not a readable Parquet"):
        read_shard_medium(shard, tracks.medium)


@pytest.mark.parametrize("scheme", ["{tmp}", "memory://labels-{name}"])
def test_label_store_lists_what_it_has(tmp_path: Path, scheme: str) -> None:
    store = TrackStore(scheme.format(tmp=tmp_path, name=tmp_path.name))
    tracks = a_medium(5, [4, 2])
    assert not store.has(tracks.medium, "abc-1")
    assert store.media("abc-1") == set()
    store.put(tracks)
    store.put(tracks)
    assert store.media("abc-1") == {tracks.medium}
    assert store.media("other") == set()
    assert_same(tracks, store.get(tracks.medium, "abc-1"))
    with pytest.raises(InputError, match="has no tracks"):
        store.get(tracks.medium, "other")
    with pytest.raises(InputError, match="cannot be part of a file name"):
        store.get(tracks.medium, "../up")


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_every_analysed_frame_comes_back_with_its_time(seed: int, stride: int) -> None:
    """Also where nobody is, at whatever times, in files of one medium and in shards."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    analysed = FrameTimes(
        np.arange(count, dtype=np.int32) * stride, np.concatenate([[0.0], np.cumsum(rng.uniform(0.01, 2.0, count - 1))])
    )
    tracks = []
    for person in range(int(rng.integers(0, 3))):
        rows = np.flatnonzero(rng.random(count) < 0.5)
        xy = rng.uniform(0, 90, (len(rows), 17, 2)).astype(np.float32)
        if len(rows):
            tracks.append(
                PoseTrack(
                    COCO_17,
                    person,
                    analysed.number[rows],
                    analysed.time_s[rows],
                    xy,
                    np.ones((len(rows), 17), np.float32),
                    np.zeros(len(rows), np.uint8),
                )
            )
    medium = MediumTracks("a" * 64, "l", COCO_17, 100, 100, count, 99.0, tuple(tracks), analysed)
    back = parse_medium(medium_bytes(medium), "here")
    np.testing.assert_array_equal(back.frame_numbers, analysed.number)
    np.testing.assert_array_equal(back.frame_times.time_s, analysed.time_s)
    assert [t.person for t in back.tracks] == [t.person for t in tracks]
    assert medium_bytes(back) == medium_bytes(medium)
