"""Removal of old snapshots, and of the objects that no snapshot needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posemill.backup.objects import ObjectStore
from posemill.backup.snapshot import Snapshot
from posemill.store.leftovers import remove_leftovers


@dataclass(frozen=True, slots=True)
class Pruned:
    """The snapshots that were removed, and how many objects."""

    snapshots: tuple[str, ...]
    objects: int


def prune(objects: ObjectStore, keep: int) -> Pruned:
    """Keep the newest snapshots. Not to be run beside a backup to the same place: that one's objects are not named yet.

    Descriptions go first: stopped in between, it leaves objects that the next one removes.
    """
    return remove_snapshots(objects, objects.snapshots()[:-keep])


def remove_snapshots(objects: ObjectStore, names: Sequence[str]) -> Pruned:
    """Remove these snapshots, all objects that no other one needs, and what killed backups left; as for `prune`."""
    kept = [name for name in objects.snapshots() if name not in names]
    needed = {d for name in kept for d in Snapshot.from_bytes(objects.snapshot(name), name).objects}
    for name in names:
        objects.remove_snapshot(name)
    unneeded = objects.digests() - needed
    for digest in unneeded:
        objects.remove(digest)
    remove_leftovers(objects.place)
    return Pruned(tuple(names), len(unneeded))
