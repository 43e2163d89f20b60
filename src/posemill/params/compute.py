"""The `compute` section of params.yaml."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from posemill.params.section import Section


class ComputeParams(Section):
    """Machines that the prepare and evaluate stages use. They decide no output, so that no stage runs again for them.

    engine     local: in the stage's own process; dask: shards and batches as tasks of Dask workers.
    scheduler  address of a running Dask scheduler (tcp://host:8786, tls://host:8786), whose workers have posemill at
               this version and the same store (POSEMILL_STORE_URL); null: worker processes of this machine.
    workers    of this machine, with one thread each, where no scheduler is named.
    wait_s     how long to go on without any worker before the stage stops.
    """

    engine: Literal["local", "dask"] = "local"
    scheduler: str | None = Field(default=None, pattern=r"^(tcp|tls)://.+")
    workers: int = Field(default=2, ge=1)
    wait_s: float = Field(default=300.0, gt=0)

    @model_validator(mode="after")
    def _scheduler_is_of_dask(self) -> ComputeParams:
        if self.scheduler and self.engine != "dask":
            raise ValueError("scheduler is of engine dask: set engine: dask, or scheduler: null")
        return self
