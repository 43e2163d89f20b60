"""Tasks on Dask workers: a few in flight, done again where a worker is lost, results as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

from posemill.errors import Unavailable
from posemill.params.compute import ComputeParams

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 2  # tasks in flight a thread of the workers: one runs, one waits
RETRIES = 2  # of a task that raised, as when the store was away
_LOOK_S, _CONNECT_S = 5.0, 30.0


class DaskCluster:
    """Dask workers behind a scheduler, or worker processes of this machine, for the length of a `with`.

    Errors: Unavailable where the scheduler does not answer.
    """

    def __init__(self, params: ComputeParams) -> None:
        self._params = params

    def __enter__(self) -> DaskCluster:
        import distributed

        dask: Any = distributed  # its functions have no types
        self._local: Any = None
        address: Any = self._params.scheduler
        if address is None:
            self._local = dask.LocalCluster(
                n_workers=self._params.workers,
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
            )
            address = self._local
        try:
            self._client: Any = dask.Client(address, timeout=_CONNECT_S, set_as_default=False)
        except OSError as exc:
            self._close_local()
            raise Unavailable(
                f"the Dask scheduler {address}, which compute.scheduler names, does not answer: start it (`dask "
                f"scheduler`), or set compute.engine: local"
            ) from exc
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(Exception):  # a scheduler that is gone says so in many ways, and nothing is lost by now
            self._client.close(timeout=_LOOK_S)
        self._close_local()

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[tuple[T, R]]:
        """Yield each task with its result, in the order in which they are done.

        function  of a module, which workers import. tasks are taken as workers become free, so that what is made for
                  one exists for a few of them at a time.
        Errors: what the function raises, after RETRIES; Unavailable where the scheduler is lost, no worker is there
        for compute.wait_s, or workers end with one and the same task.
        """
        left, running = iter(tasks), dict[Any, T]()
        seen = time.monotonic()
        try:
            while True:
                threads = self._threads()
                seen = time.monotonic() if threads else seen
                for task in islice(left, max(AHEAD * max(threads, 1) - len(running), 0)):
                    running[self._client.submit(function, task, pure=False, retries=RETRIES)] = task
                if not running:
                    return
                for future in self._finished(list(running)):
                    yield running.pop(future), self._result(future)
                self._stop_waiting(seen)
        finally:
            with suppress(Exception):
                self._client.cancel(list(running))

    def _threads(self) -> int:
        """Threads of all workers that are there now."""
        try:
            if self._client.status == "running":
                return sum(self._client.nthreads().values())
        except OSError as exc:
            raise self._lost() from exc
        raise self._lost()

    def _lost(self) -> Unavailable:
        return Unavailable(
            f"the Dask scheduler {self._params.scheduler or 'of this machine'} was lost: run the stage again"
        )

    def _finished(self, futures: list[Any]) -> list[Any]:
        from concurrent.futures import CancelledError

        import distributed

        dask: Any = distributed
        try:
            with self._client.as_current():
                return list(dask.wait(futures, timeout=_LOOK_S, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []
        except CancelledError as exc:
            raise self._lost() from exc

    def _result(self, future: Any) -> Any:
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        try:
            return future.result()
        except KilledWorker as exc:
            raise Unavailable(
                "several Dask workers ended with one and the same task: give workers more memory (`--memory-limit`), "
                "or set compute.engine: local"
            ) from exc
        except CancelledError as exc:
            raise self._lost() from exc

    def _stop_waiting(self, seen: float) -> None:
        if time.monotonic() - seen > self._params.wait_s:
            raise Unavailable(
                f"no Dask worker at {self._params.scheduler} for {self._params.wait_s:g} s: start some (`dask worker "
                f"{self._params.scheduler}`), or set compute.engine: local"
            )

    def _close_local(self) -> None:
        if self._local is not None:
            self._local.close()


def scratch_folder() -> str | None:
    """Return a worker's own folder for scratch files; None elsewhere, for the machine's.

    Dask removes what a worker that was killed left in it when the next one starts there.
    """
    from distributed import get_worker

    try:
        return str(get_worker().local_directory)
    except ValueError:  # not on a worker
        return None
