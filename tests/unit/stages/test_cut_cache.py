"""Windows that are taken over from the cache are the bytes of a whole build."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from made_up_tracks import made_up
from posemill.erasure.files import found_in
from posemill.erasure.needles import Needles
from posemill.features.clip_windows import clip_windows
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.near_duplicates import PerformanceStore
from posemill.pose.skeleton import BODY_12
from posemill.pose.track import MediumTracks
from posemill.pose.window import WindowSpec
from posemill.stages import cut_windows as stage
from posemill.stages.cut_cache import CutCache
from posemill.stages.cut_windows import CutClips, cut_cache, cut_windows
from posemill.store.tracks import shard_paths, write_shards

PIPELINE = FeaturePipeline(BODY_12, WindowSpec(duration_s=0.4, stride_s=0.2, rate_hz=10.0))
SHARD_ROWS, KEPT = 60, "kept-windows"
Outcome = tuple[CutClips, bytes, bytes, list[int]]
NAMES = sorted(hashlib.sha256(str(i).encode()).hexdigest() for i in range(30))


def medium(number: int) -> MediumTracks:
    """A medium with up to two people, whose name is NAMES[number]."""
    made: MediumTracks = made_up(number, people=number % 3, frames=5 + number)
    return replace(made, medium=NAMES[number])


def clips_of(numbers: list[int], first: int = 1) -> pd.DataFrame:
    """Two clips of every third medium, one of the others."""
    rows = [
        {"medium": NAMES[n], "start_s": start, "end_s": end, "activity": "wave", "subject": f"s{n}"}
        for n in numbers
        for start, end in ([(0.0, 0.5), (0.5, np.nan)] if n % 3 == 0 else [(0.0, np.nan)])
    ]
    table = pd.DataFrame(rows).assign(camera=None, split=None, dataset="d", annotated_by="me")
    return table.assign(clip=np.arange(first, first + len(table)))


def cut(
    folder: Path, numbers: list[int], cache: CutCache | None, rejected: set[tuple[str, int]] | None = None
) -> Outcome:
    """Shards, then windows of these media: the result, windows.npy, and what the search for copies gets."""
    label = folder / "label"
    label.mkdir(parents=True, exist_ok=True)
    write_shards(label, map(medium, numbers), SHARD_ROWS)
    with PerformanceStore(folder) as store:
        found = cut_windows(PIPELINE, clips_of(numbers), label, rejected or set(), folder / "windows.npy", store, cache)
    if cache:
        cache.prune()
    return found, (folder / "windows.npy").read_bytes(), (folder / "shapes.raw").read_bytes(), store.lengths


def assert_equal(
    one: tuple[CutClips, bytes, bytes, list[int]], other: tuple[CutClips, bytes, bytes, list[int]]
) -> None:
    assert one[1:] == other[1:]
    pd.testing.assert_frame_equal(one[0].index(), other[0].index())
    assert one[0].dropped == other[0].dropped


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The media of which clips were really cut, in order."""
    seen: list[str] = []
    really: Callable[..., object] = clip_windows

    def counted(pipeline: FeaturePipeline, tracks: MediumTracks, start_s: float, end_s: float) -> object:
        seen.append(tracks.medium)
        return really(pipeline, tracks, start_s, end_s)

    monkeypatch.setattr(stage, "clip_windows", counted)
    return seen


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    builds=st.lists(st.sets(st.integers(0, 29), min_size=3), min_size=2, max_size=4),
    rejected=st.sets(st.integers(0, 29), max_size=2),
)
def test_builds_with_a_cache_are_whole_builds(
    builds: list[set[int]], rejected: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("builds")
    for number, build in enumerate(builds):
        bad = {(NAMES[n], 0) for n in rejected} if number else set()
        whole = cut(folder / f"whole-{number}", sorted(build), None, bad)
        assert_equal(cut(folder / "kept", sorted(build), cut_cache(folder / KEPT), bad), whole)
        assert_equal(cut(folder / "kept", sorted(build), cut_cache(folder / KEPT), bad), whole)


def test_only_shards_that_changed_are_cut(tmp_path: Path, cuts: list[str]) -> None:
    numbers = [n for n in range(30) if n != 17]
    cut(tmp_path, numbers, cut_cache(tmp_path / KEPT))
    assert len(set(cuts)) == 29
    cuts.clear()
    cut(tmp_path, numbers, cut_cache(tmp_path / KEPT))
    assert cuts == []
    cut(tmp_path, list(range(30)), cut_cache(tmp_path / KEPT))
    assert NAMES[17] in cuts
    assert len(set(cuts)) < 15
    cuts.clear()
    cut(tmp_path, list(range(30)), cut_cache(tmp_path / KEPT), {(NAMES[4], 0)})
    assert NAMES[4] in cuts
    assert NAMES[29] not in cuts


def test_another_clip_pipeline_or_code_is_cut_anew(tmp_path: Path, cuts: list[str]) -> None:
    numbers = list(range(12))
    cut(tmp_path, numbers, cut_cache(tmp_path / KEPT))
    cuts.clear()
    label, kept = tmp_path / "label", cut_cache(tmp_path / KEPT)
    later = clips_of(numbers).assign(start_s=lambda t: t["start_s"] + 0.1)
    cut_windows(PIPELINE, later, label, set(), tmp_path / "w.npy", None, kept)
    assert len(set(cuts)) == 12
    cuts.clear()
    finer = FeaturePipeline(BODY_12, WindowSpec(duration_s=0.4, stride_s=0.1, rate_hz=10.0))
    cut_windows(finer, later, label, set(), tmp_path / "w.npy", None, kept)
    assert len(set(cuts)) == 12
    cuts.clear()
    other = CutCache(tmp_path / KEPT, "posemill.pose.topology")
    cut_windows(finer, later, label, set(), tmp_path / "w.npy", None, other)
    assert len(set(cuts)) == 12
    cuts.clear()
    renumbered = later.assign(clip=later["clip"] + 100)  # a clip's number decides nothing
    again = cut_windows(finer, renumbered, label, set(), tmp_path / "w.npy", None, other)
    assert cuts == []
    assert set(again.clips["clip"]) | set(again.dropped) == set(renumbered["clip"])


def test_a_damaged_file_is_cut_anew(tmp_path: Path, cuts: list[str]) -> None:
    numbers = list(range(12))
    whole = cut(tmp_path, numbers, cut_cache(tmp_path / KEPT))
    files = sorted((tmp_path / KEPT).iterdir())
    assert len(files) == len(shard_paths(tmp_path / "label")) > 2
    files[0].write_bytes(files[0].read_bytes()[:-5])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"\xff" * 40)
    cuts.clear()
    assert_equal(cut(tmp_path, numbers, cut_cache(tmp_path / KEPT)), whole)
    assert cuts
    cuts.clear()
    assert_equal(cut(tmp_path, numbers, cut_cache(tmp_path / KEPT)), whole)
    assert cuts == []


def test_the_cache_is_as_large_as_one_build(tmp_path: Path) -> None:
    folder = tmp_path / KEPT
    cut(tmp_path, list(range(30)), cut_cache(tmp_path / KEPT))
    cut(tmp_path, [1, 2, 5], cut_cache(tmp_path / KEPT))
    assert len(list(folder.iterdir())) == len(shard_paths(tmp_path / "label"))
    kept = sum(path.stat().st_size for path in folder.iterdir())
    assert kept < 3 * ((tmp_path / "windows.npy").stat().st_size + (tmp_path / "shapes.raw").stat().st_size)


def test_an_erasure_finds_whose_windows_are_kept(tmp_path: Path) -> None:
    numbers = list(range(12))
    cut(tmp_path, numbers, cut_cache(tmp_path / KEPT))
    files = list((tmp_path / KEPT).iterdir())
    for number in numbers:
        holding = [path for path in files if found_in(path, Needles(frozenset({NAMES[number]})))]
        assert len(holding) == 1
    assert not any(found_in(path, Needles(frozenset({NAMES[20]}))) for path in files)


def test_a_disk_that_cannot_take_the_cache_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / KEPT).write_text("a file where a folder should be")
    whole = cut(tmp_path / "whole", [1, 2, 3], None)
    assert_equal(cut(tmp_path / "kept", [1, 2, 3], cut_cache(tmp_path / KEPT)), whole)
