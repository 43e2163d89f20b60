"""Base of the parameters of applications: pydantic models, one a room."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class AppParams(BaseModel):
    """Parameters of an application. Names end in their unit (`_s`, `_deg`, `_body_lengths`).

    local_files  names of parameters whose value is a file or folder of the machine that runs the application; a
                 service takes none from its clients.
    """

    local_files: ClassVar[tuple[str, ...]] = ()

    model_config = ConfigDict(frozen=True, extra="forbid")
