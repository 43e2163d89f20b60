"""Feedback of clients on answers: request and answer of POST /feedback."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from posemill.serving.schemas.provenance import Provenance, WithProvenance

Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]


class Feedback(WithProvenance):
    """A client's verdict on a stretch of one person: right, or wrong and perhaps the true activity."""

    job: Text | None = None
    upload_digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="SHA-256 of the file that was analysed"
    )
    upload_name: Text | None = None
    person: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    start_s: Seconds
    end_s: Seconds
    predicted: Text | None = None
    right: bool = Field(description="true if the prediction is right")
    activity: Annotated[Text, StringConstraints(min_length=1)] | None = Field(None, description="what it was instead")
    comment: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.end_s <= self.start_s:
            raise ValueError("end_s should be after start_s")
        if Provenance.of(self.provenance.bento, self.provenance.model_dump()).id != self.provenance.id:
            raise ValueError("provenance: its id is not that of its other fields; send it as it came")
        if "\0" in self.provenance.model_dump_json().replace("\\u0000", "\0"):
            raise ValueError("provenance: a digest has no NUL in it")
        return self


class FeedbackStored(BaseModel):
    """Number of the feedback that was stored."""

    model_config = ConfigDict(extra="forbid")

    feedback: int
    judgement: int = Field(description="same as feedback", json_schema_extra={"deprecated": True})
