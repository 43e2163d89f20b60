"""POST /feedback: clients confirm or correct a stretch of an answer. Stored in the database, if there is one."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter

from posemill.errors import Unavailable
from posemill.serving.context import CLIENT
from posemill.serving.routers.json_body import StrictJsonRoute
from posemill.serving.schemas.feedback import Feedback, FeedbackStored
from posemill.serving.upload_retention import store_upload

if TYPE_CHECKING:
    from sqlalchemy import Engine

DATABASE_URL = "POSEMILL_DATABASE_URL"


class FeedbackRoute(StrictJsonRoute):
    """Route with small bodies."""

    limit_bytes = 64 * 1024


router = APIRouter(tags=["acceptance"], route_class=FeedbackRoute)


@router.post("/feedback", operation_id="feedback")
@router.post("/judgements", operation_id="judgements", deprecated=True)  # its former name
async def feedback(feedback: Feedback) -> FeedbackStored:
    """Store a client's verdict on a stretch of an answer.

    A disagreement is looked at by people.
    """
    number = await run_sync(store, feedback, CLIENT.get())
    return FeedbackStored(feedback=number, judgement=number)


def store(feedback: Feedback, client: str | None) -> int:
    """Write the row and return its number. Errors: Unavailable without a database, or while it does not answer."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        raise Unavailable("feedback cannot be kept: the service has no database; start it with `posemill serve`")
    from sqlalchemy.exc import SQLAlchemyError

    from posemill.store.audit import acting
    from posemill.store.feedback import add_feedback

    row: dict[str, Any] = feedback.model_dump(exclude={"job", "right", "provenance", "receipt"}) | {
        "provenance": feedback.provenance.model_dump(mode="json"),
        "bento_tag": feedback.provenance.bento or "outside a bento",
        "is_right": feedback.right,
        "client": client,
    }
    try:
        with engine(url).begin() as connection, acting(connection, f"client {client}" if client else "service"):
            number = add_feedback(connection, row, added_by="service")
    except SQLAlchemyError as exc:
        raise Unavailable("feedback cannot be kept now: the database does not answer; try again later") from exc
    if not feedback.right:
        store_upload(feedback.upload_digest)
    return number


@lru_cache(maxsize=1)
def engine(url: str) -> Engine:
    """Return this process's engine for what clients write."""
    from posemill.store.service_engine import service_engine

    return service_engine(url)
