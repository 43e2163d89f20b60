"""Labelling plan from three listings: media, the ledger and the pose store. What is in the store is done.

The listings are compared as sets of names; only media of which something is to be done become objects.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from posemill.labelling.chunks import MIN_SHARE, chunk_frames, cover
from posemill.labelling.duration_estimate import estimate_frames
from posemill.labelling.labeller import Labeller
from posemill.store.backlog import Backlog, count_backlog
from posemill.store.catalog import video_facts
from posemill.store.ledger import Job, Ledger, database
from posemill.store.pose_store import Stretch, ranges_of

DIGEST = 64  # digits that the name of a chunk's file begins with


@dataclass(frozen=True, slots=True)
class MediumPlan:
    """Plan of one medium, in frame ranges (`stretch`).

    medium      digest, fps and frames; the figures may be None, unknown.
    new         not in the ledger yet: (stretch, True if the store has it).
    found       numbers of jobs that are in the store and not yet done in the ledger.
    lost        numbers of jobs that are done in the ledger and not in the store.
    failed      numbers of jobs that failed, and may be tried again.
    unfinished  stretches to label.
    finished    number of stretches that are labelled.
    """

    medium: Mapping[str, Any]
    new: Sequence[tuple[Stretch, bool]] = ()
    found: Sequence[int] = ()
    lost: Sequence[int] = ()
    failed: Sequence[int] = ()
    unfinished: Sequence[Stretch] = ()
    finished: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Work that a labelling run would do now.

    frames      to label, as far as the lengths of media are known; `unmeasured` media are not in it.
    estimated   frames to label in those, from a sample; None where none of it is on this machine.
    frames_per_second, seconds  from what was measured; None before anything was, or where a length is unknown.
    to_track    media whose poses are all there and whose tracks are not: no network is needed.
    """

    new: int
    cached: int
    quarantined: int
    chunks: int
    chunks_cached: int
    frames: int
    unmeasured: int
    to_track: int
    frames_per_second: float | None
    seconds: float | None
    estimated: int | None = None


@dataclass(frozen=True, slots=True)
class _Listing:
    """Comparison of ledger and store, by digest of media.

    unfinished  media with a job that is not done.
    todo      media that are not all done in both.
    complete  the others; chunks: how many they have.
    stored    frame ranges in the store of the media in `todo`.
    """

    unfinished: set[str]
    todo: set[str]
    complete: set[str]
    chunks: int
    stored: Mapping[str, Sequence[Stretch]]


def make_plan(labeller: Labeller, ledger: Ledger, media: Collection[str], quarantined: int) -> Plan:
    """Compute the plan for these media (digests), without doing or writing anything."""
    params = labeller.params
    with database(ledger.engine) as connection:
        listed = _listing(labeller, ledger, connection, media)
        plans = _plans(listed.todo & listed.stored.keys(), listed, ledger, connection, params.chunk_s)
        untouched = listed.todo - listed.stored.keys()
        backlog = count_backlog(
            connection,
            (ledger.fingerprint, listed.unfinished),
            untouched,
            params.chunk_s,
            params.frame_stride,
            MIN_SHARE,
        )
    complete = listed.complete | {plan.medium["digest"] for plan in plans if not plan.unfinished}
    tracked = labeller.tracks.media(labeller.fingerprint) if complete else set()
    begun = [plan for plan in plans if plan.unfinished]
    rate, (frames, estimated, unmeasured) = ledger.rate(), length_of(begun, labeller, backlog)
    return Plan(
        new=len(begun) + len(untouched),
        cached=len(complete),
        quarantined=quarantined,
        chunks=backlog.chunks + sum(len(plan.unfinished) for plan in begun),
        chunks_cached=listed.chunks + sum(plan.finished for plan in plans),
        frames=frames,
        unmeasured=unmeasured,
        to_track=len(complete - tracked),
        frames_per_second=rate,
        seconds=(frames + estimated) / rate if rate and estimated is not None else None,
        estimated=estimated if unmeasured else None,
    )


def reconcile(labeller: Labeller, ledger: Ledger, media: Collection[str]) -> list[MediumPlan]:
    """Reconcile the ledger with the store, and queue the missing chunks of these media (digests).

    Returns the plans of those that were not all done in both, in the order of the media.
    """
    with ledger.planning() as connection:
        listed = _listing(labeller, ledger, connection, media)
        todo = [medium for medium in media if medium in listed.todo]
        plans = _plans(todo, listed, ledger, connection, labeller.params.chunk_s)
        new = [(a.medium["digest"], s, "done" if is_done else "queued") for a in plans for s, is_done in a.new]
        ledger.add(connection, new)
        ledger.set_state(connection, [number for a in plans for number in a.found], "done")
        ledger.set_state(connection, [number for a in plans for number in (*a.lost, *a.failed)], "queued")
    return plans


def _listing(labeller: Labeller, ledger: Ledger, connection: Connection, media: Collection[str]) -> _Listing:
    """Compare the listings. The store is listed after the ledger: a chunk is stored, then done."""
    done, unfinished = ledger.done_names(connection), ledger.open_media(connection)
    stored = labeller.poses.names(ledger.fingerprint)
    wanted, known = set(media), {name[:DIGEST] for name in done}
    missing = [name for name in done if name not in stored]
    todo = (unfinished | (wanted - known) | {name[:DIGEST] for name in missing}) & wanted
    apart = todo | (known - wanted)
    of_apart = [name for name in done if name[:DIGEST] in apart] if apart else []
    # of a million names nearly all are in both listings, and of these none is parsed
    unknown = stored.difference(done) if len(stored) > len(done) - len(missing) else ()
    in_both = stored.intersection(of_apart)
    ranges = ranges_of(name for name in (*unknown, *in_both) if name[:DIGEST] in todo)
    return _Listing(unfinished, todo, wanted - todo, len(done) - len(of_apart), ranges)


def _plans(
    media: Collection[str], listed: _Listing, ledger: Ledger, connection: Connection, chunk_s: float
) -> list[MediumPlan]:
    """Plan these media. Once a medium is in the ledger its stretches stay, whatever `chunk_s` becomes."""
    facts, jobs = video_facts(connection, media), ledger.jobs(connection, media)
    return [_medium_plan(facts[m], jobs.get(m, ()), listed.stored.get(m, ()), chunk_s) for m in media]


def frames_to_do(plan: MediumPlan, stride: int) -> int | None:
    """Count the frames to label in a medium; None where its length is unknown."""
    frames = plan.medium["frames"]
    if frames is None:
        return None
    ends = (max(start, frames) if end is None else end for start, end in plan.unfinished)
    return sum(-(-(end - start) // stride) for end, (start, _) in zip(ends, plan.unfinished, strict=True))


def length_of(
    plans: Sequence[MediumPlan], labeller: Labeller, backlog: Backlog | None = None
) -> tuple[int, int | None, int]:
    """Return the frames to label in media of known length, an estimate for the others (None where none of them is on
    this machine), and the number of these others.

    backlog  what is to be done of other media.
    """
    stride, counted = labeller.params.frame_stride, backlog or Backlog()
    todo = [plan for plan in plans if plan.unfinished]
    unmeasured = [plan.medium["digest"] for plan in todo if plan.medium["frames"] is None] + list(counted.unmeasured)
    estimated = estimate_frames(unmeasured, labeller.media, stride) if unmeasured else 0
    return counted.frames + sum(frames_to_do(plan, stride) or 0 for plan in todo), estimated, len(unmeasured)


def _medium_plan(
    medium: Mapping[str, Any], jobs: Sequence[Job], stored: Sequence[Stretch], chunk_s: float
) -> MediumPlan:
    if not jobs:
        new = cover(stored, *_length(medium, chunk_s))
        unfinished = [stretch for stretch, is_done in new if not is_done]
        return MediumPlan(medium, new, unfinished=unfinished, finished=len(new) - len(unfinished))
    there = stored if len(stored) < 8 else set(stored)
    unfinished = [job.stretch for job in jobs if job.stretch not in there]
    return MediumPlan(
        medium=medium,
        found=[job.id for job in jobs if job.stretch in there and job.state != "done"],
        lost=[job.id for job in jobs if job.stretch not in there and job.state == "done"],
        failed=[job.id for job in jobs if job.stretch not in there and job.state == "failed"],
        unfinished=unfinished,
        finished=len(jobs) - len(unfinished),
    )


def _length(medium: Mapping[str, Any], chunk_s: float) -> tuple[int, int]:
    """Frames of the medium and of a chunk. A medium of unknown length is one stretch until a worker measures it."""
    if medium["frames"] is None or not medium["fps"]:
        return 1, 1
    return medium["frames"], chunk_frames(chunk_s, medium["fps"])
