"""How requests are read: JSON without NaN. Uploads are in uploads.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import bentoml
from bentoml.exceptions import InvalidArgument
from pydantic_core import from_json

from posemill.serving.schema import TrackRequest

if TYPE_CHECKING:
    from starlette.requests import Request


FIELDS = 100  # pydantic makes a fault of every field that it does not know, and a million of them take a minute


class _StrictJson(bentoml.IODescriptor):
    """JSON has no NaN and no Infinity; Python's json writes them, and a client that does so is told."""

    @classmethod
    async def from_http_request(cls, request: Request, serde: Any) -> Self:
        """Parse the body. Errors: 400 for JSON that is none, ValidationError for missing or unknown fields."""
        return cls.model_validate(json_of(await request.body()))


def json_of(body: bytes) -> Any:
    """The content of a JSON body. InvalidArgument (400) where it is none."""
    try:
        content = from_json(body, allow_inf_nan=False)
    except ValueError as exc:
        says = f"the body is not JSON ({exc}); a keypoint that was not seen is null, not NaN"
        raise InvalidArgument(says) from exc
    if isinstance(content, dict) and len(content) > FIELDS:
        raise InvalidArgument(f"the body has {len(content)} fields; see /docs for those that there are")
    return content


class TrackInput(_StrictJson, TrackRequest):
    """Body of /predict_track."""
