"""Labelling worker: leases the chunks of a backlog one at a time, stores their poses, then marks them done.

Killed at any instant it loses the chunk in hand. Any number of workers, on any number of machines, may do the same.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Self

from posemill.errors import InputError, PosemillError, ReaderEnded, Unavailable, UnreadableMedia
from posemill.estimation.types import FramePoses, FrameSpan
from posemill.labelling.chunks import chunk_frames, chunk_of_frames, grid
from posemill.labelling.labeller import Labeller
from posemill.labelling.plan import length_of, reconcile
from posemill.labelling.progress import ChunkResult, ProgressReporter
from posemill.store.catalog import quarantine, record_probe
from posemill.store.lease import LEASE_S, LeaseHolder
from posemill.store.ledger import Lease, Ledger, database
from posemill.video.sandboxed import probe_sandboxed

STAGE = "label"
WINDOW = 500  # of so many jobs the first free one is leased
POLL_S = 1.0  # how often to look whether chunks of others have become free
RETURN_S = 10.0  # that a worker waits for its database to return a lease: an outage is no fault of the medium
MEASURED = ("width_px", "height_px", "fps", "frames", "duration_s", "codec")
BROKEN = 5  # so many failures in a row, in different media, are no fault of the media


def label_backlog(
    labeller: Labeller,
    ledger: Ledger,
    media: Collection[str],
    report: ProgressReporter,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Label all of these media (digests), beside any other workers; afterwards each has tracks or is in quarantine.

    Errors: Unavailable when store or database went away, what is done stays; what a broken backend raised, once it
    failed at several media in a row; InputError, at the end, that lists damaged pose files.
    """
    plans = reconcile(labeller, ledger, media)
    known, estimated, unmeasured = length_of(plans, labeller)
    frames = None if estimated is None else known + estimated
    report.begin(sum(len(plan.unfinished) for plan in plans), frames, about=unmeasured > 0)
    wanted = set(media)
    while ids := ledger.unfinished(wanted):
        if not work(labeller, ledger, ids, report):
            report.waiting(len(ids))
            wait(POLL_S)
    _track_rest(labeller, media, report)


def _track_rest(labeller: Labeller, media: Collection[str], report: ProgressReporter) -> None:
    """Track the media whose poses are all there and whose tracks are not. A damaged pose file stops its medium only."""
    damaged = []
    for medium, stretches in labeller.untracked(media).items():
        try:
            labeller.track(medium, stretches)
        except InputError as exc:
            damaged.append(str(exc))
        else:
            report.tracked(medium)
    if damaged:
        raise InputError("; ".join(damaged))


def work(
    labeller: Labeller, ledger: Ledger, ids: Sequence[int], report: ProgressReporter, lease_s: float = LEASE_S
) -> int:
    """Do those of these jobs that are free, and return how many; leased ones are left to their holders."""
    waiting, taken = deque(ids), 0
    if not ids:
        return 0
    with _DeferredSigterm() as sigterm, LeaseHolder(ledger, lease_s) as holder:
        worker = _Worker(labeller, ledger, holder, report)
        while waiting:
            window = list(islice(waiting, WINDOW))
            sigterm.defer()  # until the lease is in hand: nobody would release it
            lease = holder.claim(window)
            if lease is None:
                sigterm.deliver()
                for _ in window:
                    waiting.popleft()
                continue
            taken += 1
            waiting.remove(lease.id)
            if worker.attempt(lease, sigterm.deliver) == "again":
                waiting.append(lease.id)
    return taken


class _DeferredSigterm:
    """On SIGTERM the worker releases its lease first. Signals reach the main thread only."""

    def __init__(self) -> None:
        self._received = self._deferred = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def defer(self) -> None:
        """Defer a signal from now on."""
        self._deferred = True

    def deliver(self) -> None:
        """Deliver signals at once again, and now if one was deferred. Errors: SystemExit."""
        self._deferred = False
        if self._received:
            sys.exit(128 + signal.SIGTERM)

    def _handle(self, *_: object) -> None:
        self._received = True
        if not self._deferred:
            self.deliver()


class _Worker:
    """Works off one lease after the other; caches what the chunks of one medium share."""

    def __init__(self, labeller: Labeller, ledger: Ledger, holder: LeaseHolder, report: ProgressReporter) -> None:
        self._labeller, self._ledger, self._holder, self._report = labeller, ledger, holder, report
        self._fetched: tuple[str, Path] | None = None
        self._failed: list[str] = []  # media of the failures since the last success

    def attempt(self, lease: Lease, on_start: Callable[[], object] = lambda: None) -> str:
        """`done`, `failed` (the medium is in quarantine) or `again`. Errors: see label_backlog.

        on_start  called when the lease is sure to be released, whatever comes.
        """
        try:
            on_start()
            return self._attempt(lease)
        except ReaderEnded as exc:  # by its fault or the machine's: other attempts tell
            return self._again(lease, exc)
        except UnreadableMedia as exc:
            return self._quarantine(lease, str(exc).replace(lease.medium["digest"], "the file"))
        except Unavailable:
            self._return_lease(lease, RETURN_S)
            raise
        except Exception as exc:
            return self._again(lease, exc)
        except BaseException:
            self._return_lease(lease)
            raise
        finally:
            self._holder.release()

    def _attempt(self, lease: Lease) -> str:
        medium, limit = lease.medium["digest"], self._labeller.params.attempts
        if lease.attempts > limit:
            return self._quarantine(
                lease, f"its worker died without a message, {limit} times (often: out of memory, or stopped)"
            )
        poses, fingerprint = self._labeller.poses, self._ledger.fingerprint
        if poses.has(medium, fingerprint, lease.stretch):  # killed before it was marked done
            self._finish(lease, ChunkResult(medium, lease.stretch, 0, 0, None))
            return "done"
        path = self._path(medium)
        lease = self._measured(lease, path)
        started = time.perf_counter()
        frames = self._pose(lease, path)
        facts = lease.medium
        chunk = chunk_of_frames(
            frames,
            medium,
            fingerprint,
            lease.stretch,
            self._labeller.estimator.skeleton,
            (facts["width_px"], facts["height_px"]),
            facts["duration_s"],
        )
        poses.put(chunk)
        seconds = time.perf_counter() - started
        self._failed.clear()
        propagated = sum(frame.propagated for frame in frames)
        done = ChunkResult(medium, lease.stretch, len(chunk.frame), len(chunk.person_confidence), seconds, propagated)
        self._finish(lease, done)
        return "done"

    def _path(self, medium: str) -> Path:
        """The file; its digest is checked once, not for every chunk of a long video."""
        if self._fetched is None or self._fetched[0] != medium:
            self._fetched = medium, self._labeller.media.fetch(medium)
        return self._fetched[1]

    def _measured(self, lease: Lease, path: Path) -> Lease:
        """The lease with size and length of its medium, measured now where nobody has; a whole medium is split."""
        facts = lease.medium
        if facts["width_px"] is None or facts["duration_s"] is None:
            probed = probe_sandboxed(path)
            measured = {name: getattr(probed, name) for name in MEASURED}
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

    def _pose(self, lease: Lease, path: Path) -> list[FramePoses]:
        medium, frames = lease.medium["digest"], []
        for frame in self._labeller.estimator.stream(path, FrameSpan(*lease.stretch), sandboxed=True):
            frames.append(frame)
            self._holder.heartbeat()
            self._report.frame(medium, len(frame.poses), frame.propagated)
        return frames

    def _finish(self, lease: Lease, chunk: ChunkResult) -> None:
        if chunk.seconds is None:
            was_last = self._ledger.done(lease)
        else:
            was_last = self._ledger.done(lease, chunk.frames, chunk.poses, chunk.seconds)
        self._report.done(chunk)
        if was_last:
            self._track(chunk.medium)

    def _track(self, medium: str) -> None:
        """Track its people. Where an older pose file is damaged this chunk is done all the same: see _track_rest."""
        stretches = self._labeller.poses.stretches(self._ledger.fingerprint, medium).get(medium, [])
        with suppress(InputError):
            self._labeller.track(medium, stretches)
            self._report.tracked(medium)

    def _again(self, lease: Lease, exc: Exception) -> str:
        """Retry after a fault that is neither the medium's nor an outage, a limited number of times."""
        medium = lease.medium["digest"]
        reason = f"{exc}" if isinstance(exc, PosemillError) else f"{type(exc).__name__}: {exc}"
        reason = " ".join(reason.replace(medium, "the file").split())[:500]
        self._failed.append(medium)
        if len(set(self._failed)) >= BROKEN:
            self._return_lease(lease)
            raise exc
        if lease.attempts >= self._labeller.params.attempts:
            return self._quarantine(lease, f"labelling failed {lease.attempts} times: {reason}")
        self._ledger.release(lease, self._holder.key, reason)
        self._report.failed(medium, reason, again=True, source=lease.medium["source"])
        return "again"

    def _quarantine(self, lease: Lease, reason: str) -> str:
        with database(self._ledger.engine) as connection:
            self._ledger.fail(connection, lease.medium["id"], reason)
            quarantine(
                connection, "medium", stage=STAGE, reason=reason, added_by="posemill", medium_row=lease.medium["id"]
            )
        self._report.failed(lease.medium["digest"], reason, again=False, source=lease.medium["source"])
        return "failed"

    def _return_lease(self, lease: Lease, patience_s: float = 0.0) -> None:
        """Return the lease as if it had not been tried; where the database stays away it expires by itself."""
        until = time.monotonic() + patience_s
        while True:
            with suppress(PosemillError):
                self._ledger.release(lease, self._holder.key, counts=False)
                return
            if time.monotonic() >= until:
                return
            time.sleep(POLL_S)
