"""Cutting clips into windows on Dask workers: a shard of tracks is a task, its outcome a file of the cache.

Shards travel to the workers, and what they cut travels back, through the exchange of the store; the stage then takes
every shard over from its cache, so that the output is that of one machine. A worker that is lost costs its shards a
second time, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from posemill.compute.dask_cluster import DaskCluster, scratch_folder
from posemill.errors import InputError, Unavailable
from posemill.features.pipeline import FeaturePipeline
from posemill.pose.near_duplicates import PerformanceStore
from posemill.settings import Settings
from posemill.stages.clip_rows import ClipRows
from posemill.stages.cut_cache import CutCache
from posemill.stages.cut_windows import cut_cache, cut_windows
from posemill.store.exchange import Exchange
from posemill.store.tracks import shard_paths

if TYPE_CHECKING:
    import pandas as pd

SHARD = "tracks-{}.parquet"


@dataclass(frozen=True, slots=True, eq=False)
class ShardTask:
    """Clips of one shard that a worker is to cut.

    run, key  where the exchange has the shard, and the key of what is cut of it.
    clips     clip, medium, start_s and end_s of its clips; rejected: (medium, person) of tracks to leave out.
    with_poses  the poses for the search of near-duplicates are wanted too.
    """

    run: str
    key: str
    pipeline: FeaturePipeline
    clips: pd.DataFrame
    rejected: frozenset[tuple[str, int]]
    with_poses: bool


def cut_on_cluster(
    cluster: DaskCluster,
    exchange: Exchange,
    cache: CutCache,
    pipeline: FeaturePipeline,
    clips: pd.DataFrame,
    label: Path,
    rejected: set[tuple[str, int]],
    with_poses: bool,
) -> int:
    """Have workers cut every shard that the cache lacks; return how many these were. Arguments as of `cut_windows`."""
    done = 0
    tasks = _tasks(exchange, cache, pipeline, clips, label, rejected, with_poses)
    for task, _ in cluster.map(cut_shard, tasks):
        exchange.fetch(cache.path(task.key).name, cache.path(task.key))
        exchange.remove(cache.path(task.key).name)
        exchange.remove(SHARD.format(task.key))
        done += 1
    return done


def _tasks(
    exchange: Exchange,
    cache: CutCache,
    pipeline: FeaturePipeline,
    clips: pd.DataFrame,
    label: Path,
    rejected: set[tuple[str, int]],
    with_poses: bool,
) -> Iterator[ShardTask]:
    """A task for each shard, put into the exchange when it is asked for."""
    rows = ClipRows(clips, rejected)
    columns = clips[["clip", "medium", "start_s", "end_s"]]
    for shard in shard_paths(label):
        media = rows.media_in(shard)
        if not media:
            continue
        key = rows.key(cache, shard, media, pipeline, with_poses)
        if cache.find(key) is not None:
            continue
        exchange.put(SHARD.format(key), shard)
        left_out = frozenset((medium, person) for medium in media for person in rows.persons.get(medium, []))
        yield ShardTask(exchange.run, key, pipeline, columns.take(sorted(rows.rows(media))), left_out, with_poses)


def cut_shard(task: ShardTask) -> None:
    """Cut one shard on a worker: from the exchange of its store and back there.

    Errors: InputError where this machine has another version of posemill or numpy, or another store.
    """
    exchange = Exchange(Settings.from_env().store_url, task.run)
    with TemporaryDirectory(prefix="posemill-cut-", dir=scratch_folder()) as name:
        folder = Path(name)
        cache, label = cut_cache(folder / "cut"), folder / "label"
        exchange.fetch(SHARD.format(task.key), label / SHARD.format(0))
        with PerformanceStore(folder) as store:
            poses = store if task.with_poses else None
            cut_windows(task.pipeline, task.clips, label, set(task.rejected), folder / "windows.npy", poses, cache)
        found = cache.path(task.key)
        if found.name not in cache.used:
            raise InputError(
                "this Dask worker has another version of posemill or numpy than the stage "
                "that sent the shard: install the same ones"
            )
        if not found.is_file():
            raise Unavailable(f"{folder} of this Dask worker cannot take what was cut: free space there")
        exchange.put(found.name, found)
