"""POST /judgements: a client says whether a stretch of an answer is right. Kept in the database, if there is one."""

from __future__ import annotations

import os
from asyncio import to_thread
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from posemill.errors import InputError, Unavailable
from posemill.serving.guard.caller import CLIENT
from posemill.serving.keeping import keep_for_good
from posemill.serving.routes import documented
from posemill.serving.schema import Receipt

if TYPE_CHECKING:
    from sqlalchemy import Engine

DATABASE_URL = "POSEMILL_DATABASE_URL"
LIMIT = 64 * 1024  # bytes of a body
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Seconds = Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)]


class Judgement(BaseModel):
    """What a client says of a stretch of one person: right, or wrong and perhaps what it was."""

    model_config = ConfigDict(extra="forbid")

    job: Text | None = None
    receipt: Receipt
    upload_digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="SHA-256 of the file that was analysed"
    )
    upload_name: Text | None = None
    person: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    start_s: Seconds
    end_s: Seconds
    predicted: Text | None = None
    right: bool = Field(description="whether the prediction is right")
    activity: Annotated[Text, StringConstraints(min_length=1)] | None = Field(None, description="what it was instead")
    comment: Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.end_s <= self.start_s:
            raise ValueError("end_s should be after start_s")
        if Receipt.of(self.receipt.bento, self.receipt.model_dump()).id != self.receipt.id:
            raise ValueError("receipt: its id is not that of its other fields; send it as it came")
        if "\0" in self.receipt.model_dump_json().replace("\\u0000", "\0"):
            raise ValueError("receipt: a digest has no NUL in it")
        return self


class Kept(BaseModel):
    """The number of a judgement that is kept."""

    judgement: int


def routes() -> list[BaseRoute]:
    """For the app of both services."""
    return [Route("/judgements", judge, methods=["POST"])]


@documented(answers=Kept, takes={"application/json": Judgement}, refusals=(400, 413, 422, 503))
async def judge(request: Request) -> Response:
    """Keep what a client says of a stretch of an answer. A disagreement is looked at by people."""
    said = _read(await _body(request))
    return JSONResponse({"judgement": await to_thread(_keep, said, CLIENT.get())})


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LIMIT:
            raise InputError(f"a judgement has at most {LIMIT // 1024} KiB")
    return bytes(body)


def _read(body: bytes) -> Judgement:
    try:
        fields = from_json(body, allow_inf_nan=False)
    except ValueError as exc:
        raise InputError(f"the body is not JSON: {exc}") from exc
    return Judgement.model_validate(fields)


def _keep(said: Judgement, client: str | None) -> int:
    """Write the row. Errors: Unavailable without a database, or while it does not answer."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise Unavailable("judgements cannot be kept: the service has no database; start it with `posemill serve`")
    from sqlalchemy.exc import SQLAlchemyError

    from posemill.store.feedback import add_feedback

    row: dict[str, Any] = said.model_dump(exclude={"job", "right", "receipt"}) | {
        "provenance": said.receipt.model_dump(mode="json"),
        "bento_tag": said.receipt.bento or "outside a bento",
        "is_right": said.right,
        "client": client,
    }
    try:
        with _engine(url).begin() as connection:
            number = add_feedback(connection, row, added_by="service")
    except SQLAlchemyError as exc:
        raise Unavailable("the judgement cannot be kept now: the database does not answer; try again later") from exc
    if not said.right:
        keep_for_good(said.upload_digest)
    return number


@lru_cache(maxsize=1)
def _engine(url: str) -> Engine:
    from posemill.store.service_engine import service_engine

    return service_engine(url)
