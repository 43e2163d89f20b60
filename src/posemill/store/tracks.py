"""Tracks on disk: one file a medium, shards of many media, and the label store."""

from posemill.store.kept_shards import KeptShards
from posemill.store.label_store import TrackStore
from posemill.store.shards import (
    ImportedTracks,
    ShardEntry,
    read_shard,
    read_shard_media,
    read_shard_medium,
    read_shards,
    shard_media,
    shard_paths,
    write_shards,
)
from posemill.store.track_file import read_medium, write_medium

__all__ = [
    "ImportedTracks",
    "KeptShards",
    "ShardEntry",
    "TrackStore",
    "read_medium",
    "read_shard",
    "read_shard_media",
    "read_shard_medium",
    "read_shards",
    "shard_media",
    "shard_paths",
    "write_medium",
    "write_shards",
]
