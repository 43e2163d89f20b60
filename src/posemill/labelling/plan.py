"""What is to be done, from three listings: media, the ledger, and the pose store. What is in the store is done."""

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
    """One medium's stretches.

    new        not in the ledger yet: (stretch, whether the store has it).
    found      numbers of jobs that the store has and the ledger did not know of.
    lost       numbers of jobs that the ledger calls done and the store does not have.
    failed     numbers of jobs that failed, and may be tried again.
    unfinished  stretches to label.
    finished    how many stretches are labelled.
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
    """What labelling would do now.

    frames      to look at, as far as the lengths of media are known; `unmeasured` media are not in it.
    guessed     frames to look at in those, by a few of them; None where none is on this machine.
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
    guessed: int | None = None


def make_plan(labeller: Labeller, ledger: Ledger, media: Media, quarantined: int) -> Plan:
    """What there is to do, without doing or writing anything."""
    with database(ledger.engine) as connection:
        jobs = ledger.jobs(connection)
    stored, tracked = labeller.poses.stretches(ledger.fingerprint), labeller.tracks.media(labeller.fingerprint)
    found = medium_plans(media, jobs, stored, labeller.params.chunk_s)
    todo = [account for account in found if account.unfinished]
    rate, (frames, guessed, unmeasured) = ledger.rate(), length_of(todo, labeller)
    return Plan(
        new=len(todo),
        cached=len(found) - len(todo),
        quarantined=quarantined,
        chunks=sum(len(account.unfinished) for account in todo),
        chunks_cached=sum(account.finished for account in found),
        frames=frames,
        unmeasured=unmeasured,
        to_track=sum(not a.unfinished and a.medium["digest"] not in tracked for a in found),
        frames_per_second=rate,
        seconds=(frames + guessed) / rate if rate and guessed is not None else None,
        guessed=guessed if unmeasured else None,
    )


def reconcile(labeller: Labeller, ledger: Ledger, media: Media) -> list[MediumPlan]:
    """Bring the ledger in line with the store, and queue what is missing of these media."""
    with ledger.planning() as connection:
        jobs = ledger.jobs(connection)
        stored = labeller.poses.stretches(ledger.fingerprint)  # listed after the jobs: a chunk is stored, then done
        found = medium_plans(media, jobs, stored, labeller.params.chunk_s)
        new = [(a.medium["digest"], s, "done" if is_done else "queued") for a in found for s, is_done in a.new]
        ledger.add(connection, new)
        ledger.set_state(connection, [number for a in found for number in a.found], "done")
        ledger.set_state(connection, [number for a in found for number in (*a.lost, *a.failed)], "queued")
    return found


def medium_plans(
    media: Media, jobs: Mapping[str, Sequence[Job]], stored: Mapping[str, Sequence[Stretch]], chunk_s: float
) -> list[MediumPlan]:
    """Every medium's account. Once a medium is in the ledger its stretches stay, whatever `chunk_s` becomes."""
    return [_medium_plan(m, jobs.get(m["digest"], ()), stored.get(m["digest"], ()), chunk_s) for m in media]


def to_do(account: MediumPlan, stride: int) -> int | None:
    """Frames to look at in a medium; None where its length is unknown."""
    frames = account.medium["frames"]
    if frames is None:
        return None
    ends = (max(start, frames) if end is None else end for start, end in account.unfinished)
    return sum(-(-(end - start) // stride) for end, (start, _) in zip(ends, account.unfinished, strict=True))


def length_of(found: Sequence[MediumPlan], labeller: Labeller) -> tuple[int, int | None, int]:
    """Frames to look at in media of known length; about how many in the others, None where that is not to be seen
    from here; and how many others there are.
    """
    stride = labeller.params.frame_stride
    todo = [account for account in found if account.unfinished]
    unmeasured = [account.medium["digest"] for account in todo if account.medium["frames"] is None]
    guessed = estimate_frames(unmeasured, labeller.media, stride) if unmeasured else 0
    return sum(to_do(account, stride) or 0 for account in todo), guessed, len(unmeasured)


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
    """Frames of the medium and of a chunk. One of unknown length is one stretch until somebody has it in hand."""
    if medium["frames"] is None or not medium["fps"]:
        return 1, 1
    return medium["frames"], chunk_frames(chunk_s, medium["fps"])
