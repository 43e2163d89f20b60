"""Addresses and secrets, from the environment only (POSEMILL_…). Tunables are in params.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posemill.errors import InputError

KNOWN = {
    "POSEMILL_HOME": "folder of the embedded database and store; default .posemill in the workspace",
    "POSEMILL_DATABASE_URL": "postgresql://user:password@host:port/name; default: embedded server",
    "POSEMILL_DATABASE_SCHEMA": "schema of posemill's tables, made if need be; default: the first of the search path",
    "POSEMILL_STORE_URL": "any fsspec URL for media and tracks; default: <home>/store",
    "POSEMILL_WORKSPACE": "folder with params.yaml and dvc.yaml; default: the current folder",
    "POSEMILL_KEY": "API key that posemill itself sends, in `posemill try` and `posemill uat run --service`",
    "POSEMILL_REQUIRE_KEYS": "1: a service wants an API key with every request; default: only beyond this machine",
    "POSEMILL_REQUESTS_PER_MINUTE": "of a key without its own rate, or an address; 0 = no limit; default 1200",
    "POSEMILL_MAX_REQUESTS": "that a service works on at the same time; default 256",
    "POSEMILL_TIME_LIMIT_S": "until a service gives up an answer; default: nine tenths of the service's own timeout",
    "POSEMILL_SILENCE_S": "until a service closes a connection that says nothing, or takes nothing; default 15",
    "POSEMILL_SHORT_VIDEO_S": "videos up to this long are answered at once, longer ones as a job; default 20",
    "POSEMILL_SHORT_WAIT_S": "a short video that waits longer for its turn becomes a job too; default 120",
    "POSEMILL_LONGEST_VIDEO_S": "longer ones are refused; default 10800",
    "POSEMILL_JOBS": "videos that a service receives, queues and works on at once; default 8",
    "POSEMILL_JOB_KEEP_S": "how long a finished job and its files stay; default 3600",
    "POSEMILL_KEEP_UPLOADS": "1: a service keeps what clients judged, so that it can become a label",
    "POSEMILL_GALLERY": "folder of clips and pictures that the page for clients offers; default: gallery/, if there",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are. `database_url` None means the embedded PostgreSQL under `home`."""

    workspace: Path
    home: Path
    database_url: str | None = field(default=None, repr=False)  # carries a password
    store_url: str = ""
    database_schema: str | None = None
    key: str | None = field(default=None, repr=False)  # of a service that wants one

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read POSEMILL_… variables; an unknown one is refused, since a typing slip would go unseen."""
        env = os.environ if env is None else env
        unknown = sorted(k for k in env if k.startswith("POSEMILL_") and k not in KNOWN)
        if unknown:
            raise InputError(f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(KNOWN))}")
        workspace = Path(env.get("POSEMILL_WORKSPACE") or ".").resolve()
        home = Path(env.get("POSEMILL_HOME") or workspace / ".posemill").resolve()
        return cls(
            workspace=workspace,
            home=home,
            database_url=env.get("POSEMILL_DATABASE_URL") or None,
            store_url=env.get("POSEMILL_STORE_URL") or str(home / "store"),
            key=env.get("POSEMILL_KEY") or None,
            database_schema=env.get("POSEMILL_DATABASE_SCHEMA") or None,
        )
