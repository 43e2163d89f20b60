"""Labelling plan from three listings: media, the ledger and the pose store. What is in the store is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from posemill.labelling.chunks import chunk_frames, cover
from posemill.labelling.duration_estimate import estimate_frames
from posemill.labelling.labeller import Labeller
from posemill.store.ledger import Job, Ledger, database
from posemill.store.pose_store import Stretch

Media = Sequence[Mapping[str, Any]]  # rows with `digest`, `fps` and `frames`; the figures may be unknown


@dataclass(frozen=True, slots=True)
class MediumPlan:
    """Plan of one medium, in frame ranges (`stretch`).

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


def make_plan(labeller: Labeller, ledger: Ledger, media: Media, quarantined: int) -> Plan:
    """Compute the plan, without doing or writing anything."""
    with database(ledger.engine) as connection:
        jobs = ledger.jobs(connection)
    stored, tracked = labeller.poses.stretches(ledger.fingerprint), labeller.tracks.media(labeller.fingerprint)
    plans = medium_plans(media, jobs, stored, labeller.params.chunk_s)
    todo = [plan for plan in plans if plan.unfinished]
    rate, (frames, estimated, unmeasured) = ledger.rate(), length_of(todo, labeller)
    return Plan(
        new=len(todo),
        cached=len(plans) - len(todo),
        quarantined=quarantined,
        chunks=sum(len(plan.unfinished) for plan in todo),
        chunks_cached=sum(plan.finished for plan in plans),
        frames=frames,
        unmeasured=unmeasured,
        to_track=sum(not a.unfinished and a.medium["digest"] not in tracked for a in plans),
        frames_per_second=rate,
        seconds=(frames + estimated) / rate if rate and estimated is not None else None,
        estimated=estimated if unmeasured else None,
    )


def reconcile(labeller: Labeller, ledger: Ledger, media: Media) -> list[MediumPlan]:
    """Reconcile the ledger with the store, and queue the missing chunks of these media."""
    with ledger.planning() as connection:
        jobs = ledger.jobs(connection)
        stored = labeller.poses.stretches(ledger.fingerprint)  # listed after the jobs: a chunk is stored, then done
        plans = medium_plans(media, jobs, stored, labeller.params.chunk_s)
        new = [(a.medium["digest"], s, "done" if is_done else "queued") for a in plans for s, is_done in a.new]
        ledger.add(connection, new)
        ledger.set_state(connection, [number for a in plans for number in a.found], "done")
        ledger.set_state(connection, [number for a in plans for number in (*a.lost, *a.failed)], "queued")
    return plans


def medium_plans(
    media: Media, jobs: Mapping[str, Sequence[Job]], stored: Mapping[str, Sequence[Stretch]], chunk_s: float
) -> list[MediumPlan]:
    """Plan every medium. Once a medium is in the ledger its stretches stay, whatever `chunk_s` becomes."""
    return [_medium_plan(m, jobs.get(m["digest"], ()), stored.get(m["digest"], ()), chunk_s) for m in media]


def frames_to_do(plan: MediumPlan, stride: int) -> int | None:
    """Count the frames to label in a medium; None where its length is unknown."""
    frames = plan.medium["frames"]
    if frames is None:
        return None
    ends = (max(start, frames) if end is None else end for start, end in plan.unfinished)
    return sum(-(-(end - start) // stride) for end, (start, _) in zip(ends, plan.unfinished, strict=True))


def length_of(plans: Sequence[MediumPlan], labeller: Labeller) -> tuple[int, int | None, int]:
    """Return the frames to label in media of known length, an estimate for the others (None where none of them is on
    this machine), and the number of these others.
    """
    stride = labeller.params.frame_stride
    todo = [plan for plan in plans if plan.unfinished]
    unmeasured = [plan.medium["digest"] for plan in todo if plan.medium["frames"] is None]
    estimated = estimate_frames(unmeasured, labeller.media, stride) if unmeasured else 0
    return sum(frames_to_do(plan, stride) or 0 for plan in todo), estimated, len(unmeasured)


def _medium_plan(
    medium: Mapping[str, Any], jobs: Sequence[Job], stored: Sequence[Stretch], chunk_s: float
) -> MediumPlan:
    if not jobs:
        new = cover(stored, *_length(medium, chunk_s))
        unfinished = [stretch for stretch, is_done in new if not is_done]
        return MediumPlan(medium, new, unfinished=unfinished, finished=len(new) - len(unfinished))
    there = stored if len(stored) < 8 else set(stored)
    if all(job.state == "done" and job.stretch in there for job in jobs):  # nearly always
        return MediumPlan(medium, finished=len(jobs))
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
