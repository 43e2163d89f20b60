"""Limits of a service, from the environment: whoever runs it decides, not whoever built it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from posemill.errors import InputError
from posemill.serving.middleware.host_header import own_hosts

REQUIRE_KEYS, PER_MINUTE, MAX_REQUESTS = (
    "POSEMILL_REQUIRE_KEYS",
    "POSEMILL_REQUESTS_PER_MINUTE",
    "POSEMILL_MAX_REQUESTS",
)
TIME_LIMIT_S, SILENCE_S = "POSEMILL_TIME_LIMIT_S", "POSEMILL_SILENCE_S"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one worker process.

    require_keys  without a key that works, only health and the page are answered.
    hosts         that a service without keys answers under, beside localhost and IP addresses.
    per_minute    requests of a key without a rate of its own, or of an address without a key; None = no limit.
                  This machine itself (loopback) has none.
    requests      at the same time; live  WebSockets at the same time.
    body_bytes    of one body that is held in memory; file_bytes of a form, whose files go to disk.
    held_bytes    of bodies in memory at the same time (uploads of files go to disk and do not count).
    answer_s      from the whole request to the first byte of the answer.
    silence_s     how long a connection may be silent in the middle of a request, or take nothing of an answer.
    bytes_per_s   and how fast a body has to come on the whole, after those seconds.
    """

    require_keys: bool = False
    per_minute: int | None = 1200
    requests: int = 256
    live: int = 64
    body_bytes: int = 32 * 2**20
    file_bytes: int = 512 * 2**20
    held_bytes: int = 160 * 2**20  # 64 clients with 64 windows as JSON each are 132
    answer_s: float = 55.0
    silence_s: float = 15.0
    bytes_per_s: float = 16 * 1024
    hosts: frozenset[str] = frozenset()

    @classmethod
    def from_env(
        cls,
        answer_s: float = 55.0,
        env: Mapping[str, str] | None = None,
        file_bytes: int = 512 * 2**20,
        workers: int = 1,
    ) -> Limits:
        """Limits of one of so many workers: requests, WebSockets and bytes at the same time are divided by them.

        POSEMILL_REQUIRE_KEYS, …_HOSTS, …_REQUESTS_PER_MINUTE (0 = none), …_MAX_REQUESTS, …_TIME_LIMIT_S …
        """
        env = os.environ if env is None else env
        rate = env_number(env, PER_MINUTE, 1200)
        requests, usual = int(env_number(env, MAX_REQUESTS, 256)), cls()
        return cls(
            require_keys=env.get(REQUIRE_KEYS, "") not in ("", "0"),
            per_minute=int(rate) or None,
            requests=max(1, requests // workers),
            live=max(1, usual.live // workers),
            held_bytes=max(usual.body_bytes, usual.held_bytes // workers),
            file_bytes=file_bytes,
            answer_s=env_number(env, TIME_LIMIT_S, answer_s),
            silence_s=env_number(env, SILENCE_S, 15.0),
            hosts=own_hosts(env),
        )


def env_number(env: Mapping[str, str], name: str, default: float, *, positive: bool = False) -> float:
    """Read a number from 0 (`positive`: above 0) of the environment. Errors: InputError names the variable.

    >>> env_number({"POSEMILL_JOBS": "3"}, "POSEMILL_JOBS", 8)
    3.0
    """
    value = env.get(name) or str(default)
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e9 or (positive and not number):
        raise InputError(f"{name} should be a number {'above' if positive else 'from'} 0, came as {value!r}")
    return number
