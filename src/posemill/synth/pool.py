"""Renders many clips at once, one process a core."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from posemill.pose.track import MediumTracks
from posemill.synth.corpus import Plan, stage, write


@dataclass(frozen=True, slots=True, eq=False)
class Rendered:
    """A clip on disk. `truth.medium` is empty: the digest is known when the file is stored."""

    plan: Plan
    path: Path
    camera: str
    truth: MediumTracks


def render(plan: Plan, folder: Path) -> Rendered:
    """Render one clip into `folder`."""
    clip = stage(plan)
    return Rendered(plan, write(clip, folder), clip.camera, clip.tracks(medium=""))


def render_all(plans: Sequence[Plan], folder: Path, processes: int | None = None) -> Iterator[Rendered]:
    """Every clip once it is on disk, in the order of the plans: what is numbered as it comes is numbered alike.

    Only a few clips are ahead of the caller, so that a caller who removes what it has used needs little disk.
    """
    count = min(processes or len(os.sched_getaffinity(0)), max(1, len(plans)))
    if count == 1:
        yield from (render(plan, folder) for plan in plans)
        return
    # spawn: a forked copy of a process that has threads (progress bar, database) may hang
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_quiet_threads) as pool:
        ahead: deque[Future[Rendered]] = deque()
        for plan in plans:
            if len(ahead) >= 3 * count:
                yield ahead.popleft().result()
            ahead.append(pool.submit(render, plan, folder))
        while ahead:
            yield ahead.popleft().result()


def _quiet_threads() -> None:
    """One process a core is enough: no further threads inside it."""
    import cv2

    cv2.setNumThreads(1)
