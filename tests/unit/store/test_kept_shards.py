"""Shards that are linked are the bytes of those that are written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_up_tracks import made_up
from posemill.erasure.files import found_in
from posemill.erasure.needles import Needles
from posemill.pose.skeleton import COCO_17, PENN_13
from posemill.pose.track import MediumTracks
from posemill.store.kept_shards import KeptShards
from posemill.store.shards import ImportedTracks, ShardEntry, shard_paths, write_shards

NAMES = sorted(hashlib.sha256(str(i).encode()).hexdigest() for i in range(30))
ROWS = 60


def medium(number: int) -> MediumTracks:
    """A medium of one of two skeletons."""
    made: MediumTracks = made_up(number, number % 3, 5 + number, PENN_13 if number % 7 == 0 else COCO_17)
    return replace(made, medium=NAMES[number])


class Build:
    """Builds of a folder; `read` are the imported media that were read."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.read = folder, list[int]()
        self.label = folder / "label"

    def run(self, numbers: list[int], version: str = "1", videos: frozenset[int] = frozenset()) -> list[ShardEntry]:
        """Write the shards anew, as DVC has them: the former ones are gone."""
        self.read.clear()
        self.label.mkdir(parents=True, exist_ok=True)
        for path in shard_paths(self.label):
            path.unlink()
        kept = KeptShards(self.folder / "kept", version)
        entries = write_shards(self.label, self._media(numbers, videos), ROWS, kept)
        kept.prune()
        return entries

    def _media(self, numbers: list[int], videos: frozenset[int]) -> Iterator[MediumTracks | ImportedTracks]:
        for number in numbers:
            yield medium(number) if number in videos else ImportedTracks(NAMES[number], partial(self._load, number))

    def _load(self, number: int) -> MediumTracks:
        self.read.append(number)
        return medium(number)

    def content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in shard_paths(self.label)}


def whole(folder: Path, numbers: list[int]) -> tuple[list[ShardEntry], dict[str, bytes]]:
    """What is written without anything kept."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = write_shards(folder, map(medium, numbers), ROWS)
    return entries, {path.name: path.read_bytes() for path in shard_paths(folder)}


@settings(deadline=None, max_examples=15)
@given(
    builds=st.lists(st.sets(st.integers(0, 29)), min_size=2, max_size=4),
    videos=st.frozensets(st.integers(0, 29), max_size=4),
)
def test_builds_with_kept_shards_are_whole_builds(
    builds: list[set[int]], videos: frozenset[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("builds")
    build = Build(folder)
    for numbers in map(sorted, builds):
        expected = whole(folder / "whole", numbers)
        assert (build.run(numbers, videos=videos), build.content()) == expected
        assert (build.run(numbers, videos=videos), build.content()) == expected


def test_only_media_of_shards_that_changed_are_read(tmp_path: Path) -> None:
    build = Build(tmp_path)
    build.run([n for n in range(30) if n != 17])
    assert len(build.read) == 29
    build.run([n for n in range(30) if n != 17])
    assert build.read == []
    build.run(list(range(30)))
    assert 17 in build.read
    assert len(build.read) < 15
    build.run(list(range(30)), version="2")
    assert sorted(build.read) == list(range(30))


def test_tracks_of_videos_are_always_read(tmp_path: Path) -> None:
    """Their names do not say what their tracks are."""
    build = Build(tmp_path)
    every = frozenset(range(10))
    build.run(list(range(10)), videos=every)
    assert not (tmp_path / "kept").exists()


def test_what_is_gone_or_damaged_is_written_anew(tmp_path: Path) -> None:
    build, numbers = Build(tmp_path), list(range(12))
    expected = whole(tmp_path / "whole", numbers)
    build.run(numbers)
    shards, described = (sorted((tmp_path / "kept").glob(f"*.{kind}")) for kind in ("parquet", "json"))
    assert len(shards) == len(described) == len(expected[1]) > 2
    shards[0].unlink()
    described[1].write_text("{")
    described[2].unlink()
    assert (build.run(numbers), build.content()) == expected
    assert build.read
    build.run(numbers)
    assert build.read == []


def test_a_kept_shard_is_no_second_copy_and_an_erasure_finds_it(tmp_path: Path) -> None:
    build = Build(tmp_path)
    build.run(list(range(12)))
    linked = {path.stat().st_ino for path in (tmp_path / "kept").glob("*.parquet")}
    assert linked == {path.stat().st_ino for path in shard_paths(build.label)}
    holding = [p for p in (tmp_path / "kept").iterdir() if found_in(p, Needles(frozenset({NAMES[5]})))]
    assert {path.suffix for path in holding} == {".parquet", ".json"}
    assert len(holding) == 2
