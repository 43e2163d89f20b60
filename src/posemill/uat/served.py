"""The service that scenarios are run against: one that runs, or the newest bento for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from posemill.errors import Unavailable
from posemill.serving.client import Client
from posemill.settings import Settings
from posemill.stages.workspace import Workspace


def newest(settings: Settings) -> str:
    """The tag of this workspace's newest analysis bento; built again where the store lacks it."""
    from posemill.operations.accept import package_tags

    return package_tags(Workspace(settings.workspace), settings)["analysis"]


@contextmanager
def service(settings: Settings, url: str | None = None, bento: str | None = None) -> Iterator[Client]:
    """A client of the service at `url`, else of `bento` (default: the newest), started for this.

    Errors: Unavailable when none is ready there, or it does not come up.
    """
    if url is not None:
        client = Client(url, key=settings.key)
        if not client.ready():
            raise Unavailable(f"no service is ready at {url}: start one with `posemill serve`")
        yield client
        return
    from posemill.packaging.bento import environment
    from posemill.serving.server import serving
    from posemill.serving.startup_policy import private_environment

    with serving(bento or newest(settings), private_environment(environment(settings.home))) as client:
        yield client
