"""Client of the service under test: a running one, or a bento that is started for the run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from posemill.errors import Unavailable
from posemill.serving.client import Client
from posemill.settings import Settings
from posemill.stages.workspace import Workspace
from posemill.uat.settings import AcceptanceSettings


def newest_bento(settings: Settings) -> str:
    """Tag of this workspace's newest analysis bento; rebuilt if the store lacks it."""
    from posemill.operations.accept import package_tags

    return package_tags(Workspace(settings.workspace), settings)["analysis"]


@contextmanager
def client_of(acceptance: AcceptanceSettings) -> Iterator[Client]:
    """Client of the service under test; a bento is served while the context is open.

    Errors: Unavailable if the service is not ready or does not start.
    """
    settings, url = acceptance.settings, acceptance.service_url
    if url is not None:
        client = Client(url, key=settings.key)
        if not client.ready():
            raise Unavailable(f"no service is ready at {url}: start one with `posemill serve`")
        yield client
        return
    from posemill.packaging.bento import environment
    from posemill.serving.server import serving
    from posemill.serving.startup_policy import private_environment

    with serving(acceptance.bento or newest_bento(settings), private_environment(environment(settings.home))) as client:
        yield client
