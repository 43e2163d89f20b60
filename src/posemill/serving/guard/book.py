"""The keys that work now, as the database said a moment ago."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from posemill.serving.guard.refusal import busy, log

if TYPE_CHECKING:
    from posemill.store.api_keys import ApiKey

FRESH_S = 5.0  # a revoked key stops working within this
RETRY_S = 2.0  # after a failure; so that an absent database costs one request in two seconds its wait
GRACE_S = 300.0  # known keys go on working this long while the database is away

Load = Callable[[], "Mapping[str, ApiKey]"]


class KeyBook:
    """All working keys in memory, by digest: a flood of wrong keys never reaches the database."""

    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self._load, self._clock = load, clock
        self._keys: Mapping[str, ApiKey] = {}
        self._loaded = self._tried = float("-inf")
        self._turn: asyncio.Lock | None = None

    async def find(self, digest: str) -> ApiKey | None:
        """The key with that digest. Errors: Refused (503) when the database has been away for too long."""
        if self._clock() - self._loaded > FRESH_S:
            await self._refresh()
        return self._keys.get(digest)

    async def _refresh(self) -> None:
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:  # who waited finds it done
            now = self._clock()
            if now - self._loaded > FRESH_S and now - self._tried > RETRY_S:
                self._tried = now
                try:
                    self._keys = await asyncio.to_thread(self._load)
                    self._loaded = self._clock()
                except Exception as exc:
                    log.warning("the keys cannot be read now: %s", str(exc).splitlines()[0])
        if self._clock() - self._loaded > GRACE_S:
            raise busy("the service cannot check keys now, since its database is away")


def from_database(url: str) -> KeyBook:
    """A book of the table api_key. Connects when the first key comes."""
    from posemill.store.api_keys import working_keys
    from posemill.store.service_engine import service_engine

    engine = service_engine(url)

    def load() -> Mapping[str, ApiKey]:
        with engine.connect() as connection:
            return working_keys(connection)

    return KeyBook(load)
