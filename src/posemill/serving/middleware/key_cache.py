"""Key cache: the API keys that work now, read from the database every few seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from posemill.serving.middleware.error_responses import log, unavailable

if TYPE_CHECKING:
    from posemill.store.api_keys import ApiKey

FRESH_S = 5.0  # a revoked key stops working within this
RETRY_S = 2.0  # after a failure; so that an absent database costs one request in two seconds its wait
GRACE_S = 300.0  # known keys go on working this long while the database is away

Load = Callable[[], "Mapping[str, ApiKey]"]


class KeyCache:
    """All working keys in memory, by digest: a flood of wrong keys never reaches the database."""

    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self._load, self._clock = load, clock
        self._keys: Mapping[str, ApiKey] = {}
        self._loaded = self._tried = float("-inf")
        self._refreshing: asyncio.Lock | None = None

    async def find(self, digest: str) -> ApiKey | None:
        """Return the key with that digest. Errors: HTTPException (503) when the database was away for too long."""
        if self._clock() - self._loaded > FRESH_S:
            await self._refresh()
        return self._keys.get(digest)

    async def _refresh(self) -> None:
        if self._refreshing is None:
            self._refreshing = asyncio.Lock()
        async with self._refreshing:  # who waited finds it done
            now = self._clock()
            if now - self._loaded > FRESH_S and now - self._tried > RETRY_S:
                self._tried = now
                try:
                    self._keys = await asyncio.to_thread(self._load)
                    self._loaded = self._clock()
                except Exception as exc:
                    log.warning("the keys cannot be read now: %s", str(exc).splitlines()[0])
        if self._clock() - self._loaded > GRACE_S:
            raise unavailable("the service cannot check keys now, since its database is away")


def from_database(url: str) -> KeyCache:
    """Return a cache of the table api_key. It connects when the first key comes."""
    from posemill.store.api_keys import working_keys
    from posemill.store.service_engine import service_engine

    engine = service_engine(url)

    def load() -> Mapping[str, ApiKey]:
        with engine.connect() as connection:
            return working_keys(connection)

    return KeyCache(load)
