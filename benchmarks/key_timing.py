"""Time of a key's check: do wrong keys that begin as a right one take longer to refuse than random wrong ones?

    python benchmarks/key_timing.py [--requests 200000] [--json]

In process, so that no network hides a difference: the guard of a service answers requests with wrong keys of two kinds,
in random order, and each is timed. Two-sided Mann-Whitney test of the two samples, and the probability that a key of
the first kind takes longer than one of the second (0.5 = nothing to learn), with a bootstrap interval of the difference
of medians. The control is the same guard with a check that compares character by character: it has to be found.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.key_cache import KeyCache
from posemill.serving.middleware.limits import Limits
from posemill.store.api_keys import ApiKey, hashed

KEYS = 100  # that work
PREFIX = 0.9  # of the right key's characters
SAMPLES = 1000


class Characters(KeyCache):
    """What must not be: the key itself, compared until the first character that differs."""

    def __init__(self, right: str) -> None:
        super().__init__(dict)
        self.right, self.came = right, ""

    async def find(self, digest: str) -> ApiKey | None:
        """Compare what came with the right key."""
        for ours, theirs in zip(self.right, self.came, strict=False):
            if ours != theirs:
                break
        return None


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Time of a key's check.")
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rng = np.random.default_rng(chosen.seed)
    right = f"pm_{secrets.token_urlsafe(32)}"
    known = {hashed(f"pm_{secrets.token_urlsafe(32)}"): ApiKey(n, "c", None, "viewer") for n in range(KEYS - 1)}
    known[hashed(right)] = ApiKey(KEYS, "right", None, "viewer")
    kinds = rng.integers(0, 2, chosen.requests).astype(bool)  # whether it begins as the right key
    wrong = [_wrong(right, kind) for kind in kinds]
    results = {
        "posemill": _figures(asyncio.run(_timed(KeyCache(lambda: known), wrong)), kinds, rng),
        "control, by characters": _figures(asyncio.run(_timed(Characters(right), wrong)), kinds, rng),
    }
    if chosen.json:
        print(json.dumps(results))
        return
    for name, figures in results.items():
        print(name, " ".join(f"{key}={value}" for key, value in figures.items()))


def _wrong(right: str, begins: bool) -> str:
    """A wrong key of the right length."""
    kept = round(PREFIX * len(right)) if begins else 3
    while (made := right[:kept] + secrets.token_urlsafe(len(right))[: len(right) - kept]) == right:
        pass
    return made


async def _timed(keys: KeyCache, wrong: Sequence[str]) -> NDArray[np.float64]:
    """Nanoseconds of each refusal."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("a wrong key was let in")

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    statuses: list[int] = []

    async def send(message: Any) -> None:
        if "status" in message:
            statuses.append(message["status"])

    guard: Callable[..., Any] = GuardMiddleware(app, Limits(require_keys=True), keys)
    taken = np.empty(len(wrong))
    for n, key in enumerate(wrong):
        if isinstance(keys, Characters):
            keys.came = key
        headers = [(b"host", b"localhost"), (b"x-api-key", key.encode())]
        scope = {"type": "http", "method": "GET", "path": "/version", "client": ("127.0.0.1", 1), "headers": headers}
        begun = time.perf_counter_ns()
        await guard(scope, receive, send)
        taken[n] = time.perf_counter_ns() - begun
    assert set(statuses) == {401}
    return taken


def _figures(taken: NDArray[np.float64], kinds: NDArray[np.bool_], rng: np.random.Generator) -> dict[str, Any]:
    taken, kinds = taken[1000:], kinds[1000:]  # the first ones warm up
    begins, random = taken[kinds], taken[~kinds]
    test = mannwhitneyu(begins, random, alternative="two-sided")
    drawn = [np.median(_again(begins, rng)) - np.median(_again(random, rng)) for _ in range(SAMPLES)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return {
        "requests": len(taken),
        "median_us": round(float(np.median(taken)) / 1000, 2),
        "difference_ns": round(float(np.median(begins) - np.median(random)), 1),
        "low_ns": round(float(low), 1),
        "high_ns": round(float(high), 1),
        "probability_longer": round(float(test.statistic) / (len(begins) * len(random)), 4),
        "p": float(f"{test.pvalue:.3g}"),
    }


def _again(sample: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    return sample[rng.integers(0, len(sample), min(len(sample), 20_000))]


if __name__ == "__main__":
    main()
