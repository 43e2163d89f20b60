"""Labels the chunks of a backlog, one at a time: leased from the ledger, kept in the store, then told to the ledger.

Killed at any instant it loses the chunk in hand. Any number of workers, on any number of machines, may do the same.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Self

from posemill.errors import InputError, PosemillError, Unavailable, UnreadableMedia
from posemill.estimation.types import FramePoses, FrameSpan
from posemill.estimation.video import find_poses
from posemill.labelling.chunks import chunk_frames, grid, poses_of
from posemill.labelling.labeller import Labeller
from posemill.labelling.plan import Media, length_of, reconcile
from posemill.labelling.report import Done, Report
from posemill.store.catalog import quarantine, record_probe
from posemill.store.lease import LEASE_S, LeaseHolder
from posemill.store.ledger import Lease, Ledger, database
from posemill.video.probe import probe

STAGE = "label"
WINDOW = 500  # of so many jobs the first free one is leased
POLL_S = 1.0  # how often to look whether chunks of others have become free
MEASURED = ("width_px", "height_px", "fps", "frames", "duration_s", "codec")
BROKEN = 5  # so many failures in a row, in different media, are no fault of the media


def label_backlog(
    labeller: Labeller, ledger: Ledger, media: Media, report: Report, wait: Callable[[float], object] = time.sleep
) -> None:
    """Label all of these media, beside any other workers; afterwards each has tracks, or is in quarantine.

    Errors: Unavailable when store or database went away, what is done stays; what a broken backend raised, once it
    failed at several media in a row; InputError, at the end, that lists damaged pose files.
    """
    found = reconcile(labeller, ledger, media)
    known, guessed, unmeasured = length_of(found, labeller)
    frames = None if guessed is None else known + guessed
    report.begin(sum(len(account.unfinished) for account in found), frames, about=unmeasured > 0)
    wanted = {row["digest"] for row in media}
    while ids := ledger.unfinished(wanted):
        if not work(labeller, ledger, ids, report):
            report.waiting(len(ids))
            wait(POLL_S)
    _follow(labeller, media, report)


def _follow(labeller: Labeller, media: Media, report: Report) -> None:
    """Put together the tracks that are not there. A pose file that is damaged stops its own medium only."""
    damaged = []
    for medium, stretches in labeller.untracked(row["digest"] for row in media).items():
        try:
            labeller.track(medium, stretches)
        except InputError as exc:
            damaged.append(str(exc))
        else:
            report.tracked(medium)
    if damaged:
        raise InputError("; ".join(damaged))


def work(labeller: Labeller, ledger: Ledger, ids: Sequence[int], report: Report, lease_s: float = LEASE_S) -> int:
    """Do those of these jobs that are free. Returns how many were taken; those that others have are left to them."""
    waiting, taken = deque(ids), 0
    if not ids:
        return 0
    with _Ending() as ending, LeaseHolder(ledger, lease_s) as holder:
        worker = _Worker(labeller, ledger, holder, report)
        while waiting:
            window = list(islice(waiting, WINDOW))
            ending.wait()  # until the lease is in hand: nobody would give it back
            lease = holder.claim(window)
            if lease is None:
                ending.come()
                for _ in window:
                    waiting.popleft()
                continue
            taken += 1
            waiting.remove(lease.id)
            if worker.attempt(lease, ending.come) == "again":
                waiting.append(lease.id)
    return taken


class _Ending:
    """Who is told to end (SIGTERM) gives back what it has in hand first; only the main thread can be told."""

    def __init__(self) -> None:
        self._told = self._waits = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def wait(self) -> None:
        """From now on the end waits."""
        self._waits = True

    def come(self) -> None:
        """It may come, and does so now if it has waited. Errors: SystemExit."""
        self._waits = False
        if self._told:
            sys.exit(128 + signal.SIGTERM)

    def _hear(self, *_: object) -> None:
        self._told = True
        if not self._waits:
            self.come()


class _Worker:
    """One lease after the other; remembers what spares it work between the chunks of one medium."""

    def __init__(self, labeller: Labeller, ledger: Ledger, holder: LeaseHolder, report: Report) -> None:
        self._labeller, self._ledger, self._holder, self._report = labeller, ledger, holder, report
        self._at_hand: tuple[str, Path] | None = None
        self._failed: list[str] = []  # media of the failures since the last success

    def attempt(self, lease: Lease, begun: Callable[[], object] = lambda: None) -> str:
        """`done`, `failed` (the medium is in quarantine) or `again`. Errors: see label_backlog.

        begun  called when the lease is sure to be given back, whatever comes.
        """
        try:
            begun()
            return self._attempt(lease)
        except UnreadableMedia as exc:
            return self._aside(lease, str(exc).replace(lease.medium["digest"], "the file"))
        except Unavailable:
            self._give_back(lease)
            raise
        except Exception as exc:
            return self._again(lease, exc)
        except BaseException:
            self._give_back(lease)
            raise
        finally:
            self._holder.release()

    def _attempt(self, lease: Lease) -> str:
        medium, limit = lease.medium["digest"], self._labeller.params.attempts
        if lease.attempts > limit:
            return self._aside(
                lease, f"whoever labelled it ended without a word, {limit} times (often: out of memory, or stopped)"
            )
        poses, fingerprint = self._labeller.poses, self._ledger.fingerprint
        if poses.has(medium, fingerprint, lease.stretch):  # killed, or told to the ledger too late
            self._finish(lease, Done(medium, lease.stretch, 0, 0, None))
            return "done"
        path = self._path(medium)
        lease = self._measured(lease, path)
        started = time.perf_counter()
        found = self._found(lease, path)
        facts = lease.medium
        chunk = poses_of(
            found,
            medium,
            fingerprint,
            lease.stretch,
            self._labeller.backend.skeleton,
            (facts["width_px"], facts["height_px"]),
            facts["duration_s"],
        )
        poses.put(chunk)
        seconds = time.perf_counter() - started
        self._failed.clear()
        propagated = sum(frame.propagated for frame in found)
        done = Done(medium, lease.stretch, len(chunk.frame), len(chunk.person_confidence), seconds, propagated)
        self._finish(lease, done)
        return "done"

    def _path(self, medium: str) -> Path:
        """The file; its digest is checked once, not for every chunk of a long video."""
        if self._at_hand is None or self._at_hand[0] != medium:
            self._at_hand = medium, self._labeller.media.fetch(medium)
        return self._at_hand[1]

    def _measured(self, lease: Lease, path: Path) -> Lease:
        """With size and length of the medium, measured now where nobody has; one that is still whole is cut."""
        facts = lease.medium
        if facts["width_px"] is None or facts["duration_s"] is None:
            found = probe(path)
            measured = {name: getattr(found, name) for name in MEASURED}
            with database(self._ledger.engine) as connection:
                record_probe(connection, facts["id"], measured)
            lease = Lease(lease.id, {**facts, **measured}, lease.stretch, lease.attempts)
        if lease.stretch != (0, None):
            return lease
        size = chunk_frames(self._labeller.params.chunk_s, lease.medium["fps"])
        stretches = grid(lease.medium["frames"], size)
        if len(stretches) == 1:
            return lease
        self._report.grown(len(stretches) - 1)
        return self._ledger.split(lease, stretches)

    def _found(self, lease: Lease, path: Path) -> list[FramePoses]:
        medium, found = lease.medium["digest"], []
        for frame in find_poses(path, self._labeller.backend, self._labeller.params, FrameSpan(*lease.stretch)):
            found.append(frame)
            self._holder.heartbeat()
            self._report.frame(medium, len(frame.poses), frame.propagated)
        return found

    def _finish(self, lease: Lease, chunk: Done) -> None:
        if chunk.seconds is None:
            was_last = self._ledger.done(lease)
        else:
            was_last = self._ledger.done(lease, chunk.frames, chunk.poses, chunk.seconds)
        self._report.done(chunk)
        if was_last:
            self._track(chunk.medium)

    def _track(self, medium: str) -> None:
        """Put its tracks together. Where an older pose file is damaged this chunk is done all the same: see _follow."""
        stretches = self._labeller.poses.stretches(self._ledger.fingerprint, medium).get(medium, [])
        with suppress(InputError):
            self._labeller.track(medium, stretches)
            self._report.tracked(medium)

    def _again(self, lease: Lease, exc: Exception) -> str:
        """A fault that is neither the medium's nor an outage: tried again, a limited number of times."""
        medium = lease.medium["digest"]
        reason = f"{exc}" if isinstance(exc, PosemillError) else f"{type(exc).__name__}: {exc}"
        reason = " ".join(reason.split())[:500]
        self._failed.append(medium)
        if len(set(self._failed)) >= BROKEN:
            self._give_back(lease)
            raise exc
        if lease.attempts >= self._labeller.params.attempts:
            return self._aside(lease, f"labelling failed {lease.attempts} times: {reason}")
        self._ledger.release(lease, self._holder.key, reason)
        self._report.failed(medium, reason, again=True, source=lease.medium["source"])
        return "again"

    def _aside(self, lease: Lease, reason: str) -> str:
        with database(self._ledger.engine) as connection:
            self._ledger.fail(connection, lease.medium["id"], reason)
            quarantine(
                connection, "medium", stage=STAGE, reason=reason, added_by="posemill", medium_row=lease.medium["id"]
            )
        self._report.failed(lease.medium["digest"], reason, again=False, source=lease.medium["source"])
        return "failed"

    def _give_back(self, lease: Lease) -> None:
        """As if it had not been tried; where the database is away the lease ends by itself."""
        with suppress(PosemillError):
            self._ledger.release(lease, self._holder.key, counts=False)
