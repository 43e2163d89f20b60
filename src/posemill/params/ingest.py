"""The `ingest` section of params.yaml."""

from typing import Literal

from pydantic import Field

from posemill.params.section import Section


class IngestParams(Section):
    """Tunables of the ingest stage."""

    threads: int = Field(4, ge=1, le=64, description="media fetched and probed at the same time")
    verify: Literal["new", "all"] = Field("new", description="digests checked: of media not probed yet, or of all")
