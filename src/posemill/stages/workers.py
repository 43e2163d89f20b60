"""Workers of a stage on Dask, as the `compute` section of params.yaml asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from posemill.params.compute import ComputeParams
from posemill.params.section import load_section
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.compute.dask_cluster import DaskCluster
    from posemill.store.exchange import Exchange


@contextmanager
def workers_of(inputs: Workspace) -> Iterator[tuple[DaskCluster, Exchange] | None]:
    """Open the workers and the exchange of files with them; None where the stage computes in its own process.

    Errors: Unavailable where the scheduler or the store does not answer.
    """
    # a stage that is called as a function may have no params.yaml
    params = load_section(inputs.params, "compute", ComputeParams) if inputs.params.is_file() else ComputeParams()
    if params.engine == "local":
        yield None
        return
    from posemill.compute.dask_cluster import DaskCluster
    from posemill.settings import Settings
    from posemill.store.exchange import exchange

    with exchange(Settings.from_env().store_url) as files, DaskCluster(params) as cluster:
        yield cluster, files
