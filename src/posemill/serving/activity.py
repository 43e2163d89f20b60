"""The small service: ONNX Runtime and the feature pipeline, nothing of torch or OpenPifPaf. It can ship alone."""

from __future__ import annotations

import bentoml

from posemill.serving import gallery, judgements, live, page_routes, routes
from posemill.serving.endpoints import ActivityEndpoints, house_rules

BODY_LIMIT = 32 * 2**20  # bytes; 500 windows of 48 poses of 17 keypoints are about 12 MiB of JSON


@bentoml.service(name="posemill_activity", threads=2, workers=1, traffic={"timeout": 60})
@bentoml.asgi_app(
    routes.app([*routes.routes(), *live.routes(), *judgements.routes(), *gallery.routes(), *page_routes.routes()]),
    path="/",
)
class ActivityService(ActivityEndpoints):
    """Keypoints → activities."""


house_rules(ActivityService, BODY_LIMIT)
