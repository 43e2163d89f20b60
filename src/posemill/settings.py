"""Addresses and secrets from POSEMILL_… environment variables. Tunables are in params.yaml."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posemill.errors import InputError

KNOWN = {
    "POSEMILL_HOME": "folder of the embedded database and store; default: .posemill in the workspace",
    "POSEMILL_DATABASE_URL": "postgresql://user:password@host:port/name; default: the embedded server",
    "POSEMILL_DATABASE_SCHEMA": "schema of posemill's tables, created if missing; default: first of the search path",
    "POSEMILL_STORE_URL": "fsspec URL of the blob store for media and tracks; default: <home>/store",
    "POSEMILL_WORKSPACE": "folder with params.yaml and dvc.yaml; default: the current folder",
    "POSEMILL_KEY": "API key sent by `posemill try --url` and `posemill uat run --service`",
    "POSEMILL_REQUIRE_KEYS": "1: every request needs an API key; default: only if the service listens beyond localhost",
    "POSEMILL_REQUESTS_PER_MINUTE": "rate limit of an address, or of a key without its own; 0: no limit; default: 1200",
    "POSEMILL_MAX_REQUESTS": "concurrent requests of a service, over all its workers; default: 256",
    "POSEMILL_WORKERS": "processes of the activity service, which share rate limits and metrics; default: 1",
    "POSEMILL_TIME_LIMIT_S": "request timeout; default: nine tenths of BentoML's own",
    "POSEMILL_SILENCE_S": "idle timeout of a connection; default: 15",
    "POSEMILL_HOSTS": "names, with commas between, that a service without keys answers under; *: any; see secure.md",
    "POSEMILL_SHORT_VIDEO_S": "longest video that is answered synchronously; longer ones become a job; default: 20",
    "POSEMILL_SHORT_WAIT_S": "queueing time after which a short video becomes a job too; default: 120",
    "POSEMILL_LONGEST_VIDEO_S": "longest video that is accepted; default: 10800",
    "POSEMILL_JOBS": "concurrent video jobs of a service, received, queued or running; default: 8",
    "POSEMILL_JOB_KEEP_S": "retention of a finished job and its files; default: 3600",
    "POSEMILL_KEEP_UPLOADS": "1: uploads that clients gave feedback on are kept, so that they can be labelled",
    "POSEMILL_SUBJECT_KEY": "file with a key: added subjects get keyed pseudonyms; default: names stay",
    "POSEMILL_OLD_CODECS": "1: videos in Cinepak, Indeo, Sorenson and Microsoft Video 1 are read too; default: refused",
    "POSEMILL_BLUR_FACES": "1: overlay videos of a service have blurred faces",
    "POSEMILL_SHADOW": "tag of a model that a service compares with its own on live requests, unseen by clients",
    "POSEMILL_CANARY": "TAG=10%: model that answers that share of a service's clients, always the same ones",
    "POSEMILL_OIDC_ISSUER": "URL of an OpenID Connect issuer whose tokens a service accepts, besides API keys",
    "POSEMILL_OIDC_AUDIENCE": "audience that these tokens must be for",
    "POSEMILL_OIDC_ROLES_CLAIM": "where roles are in a token, with dots (realm_access.roles); default: roles",
    "POSEMILL_OIDC_ROLES": "NAME=ROLE,…: role of this service for a name in that claim; default: each role by its name",
    "POSEMILL_LOG": "json: logs as JSON lines with trace ids; default: text",
    "POSEMILL_GALLERY": "folder of sample clips and pictures for the acceptance page; default: gallery/, if it exists",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses of workspace, database and store.

    workspace     folder with params.yaml and dvc.yaml.
    home          folder of the embedded database, the BentoML store and caches.
    database_url  None: the embedded PostgreSQL under `home`.
    store_url     fsspec URL of media and tracks.
    database_schema  schema of posemill's tables; None: the first of the search path.
    key           API key for services that require one.
    subject_key   file with the key of subjects' pseudonyms; None: names stay as they are.
    """

    workspace: Path
    home: Path
    database_url: str | None = field(default=None, repr=False)  # contains a password
    store_url: str = ""
    database_schema: str | None = None
    key: str | None = field(default=None, repr=False)
    subject_key: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the POSEMILL_… variables. Errors: InputError for an unknown one, since a typo would go unnoticed.

        Examples:
            >>> settings = Settings.from_env({"POSEMILL_WORKSPACE": "/data/gym"})
            >>> settings.home
            PosixPath('/data/gym/.posemill')
            >>> settings.store_url
            '/data/gym/.posemill/store'
        """
        env = os.environ if env is None else env
        unknown = sorted(name for name in env if name.startswith("POSEMILL_") and name not in KNOWN)
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
            subject_key=Path(name).resolve() if (name := env.get("POSEMILL_SUBJECT_KEY")) else None,
        )
