"""Acceptance of the model that answers here: the submitted report, and the verdict of an approver."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from posemill.serving.schemas.provenance import Strict


class SubmittedScenario(BaseModel):
    """An acceptance scenario of the report, and what came of it."""

    name: str
    passed: bool
    says: str = Field(description="what was not as expected; or `as expected`")
    note: str | None = None


class SubmittedReport(BaseModel):
    """The newest report that was submitted for a verdict on this bento."""

    digest: str = Field(description="SHA-256 of report.json")
    run: str
    at: str
    says: str
    passed: bool
    scenarios: list[SubmittedScenario]


class GivenVerdict(BaseModel):
    """A verdict on this report."""

    verdict: int
    accepted: bool
    by: str
    at: datetime
    conditions: str | None = Field(description="conditions of the acceptance, or reasons of the rejection")


class Acceptance(BaseModel):
    """Acceptance of this bento. report null: none was submitted, verdict null: none was given."""

    bento: str | None
    report: SubmittedReport | None
    verdict: GivenVerdict | None
    may_sign: bool = Field(description="true if the key of this request is an approver's")


class Verdict(Strict):
    """An approver's verdict on the report with this digest, signed with the key of the request."""

    model_config = ConfigDict(extra="forbid")

    report: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="digest of GET /acceptance"
    )
    accepted: bool
    conditions: (
        Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")] | None
    ) = Field(None, description="conditions of the acceptance, or reasons of the rejection")


class VerdictStored(BaseModel):
    """Number of the verdict that was stored."""

    verdict: int
