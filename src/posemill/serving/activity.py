"""Small service: ONNX Runtime and the feature pipeline, nothing of torch or OpenPifPaf. It can ship alone."""

from __future__ import annotations

import bentoml

from posemill.serving.app import create_app
from posemill.serving.base_service import BaseActivityService
from posemill.serving.middleware.install import install_middleware, mounted
from posemill.serving.middleware.workers import worker_count
from posemill.serving.routers import (
    acceptance,
    applications,
    feedback,
    gallery,
    live,
    live_page,
    operations,
    page,
    tracks,
    windows,
)

NAME = "posemill_activity"
BODY_LIMIT = 32 * 2**20  # bytes; 500 windows of 48 poses of 17 keypoints are about 12 MiB of JSON
PAGES = (gallery, page, live_page)
ROUTERS = [parts.router for parts in (windows, tracks, applications, live, feedback, acceptance, *PAGES, operations)]
FIRST = [windows.ROUTE, operations.STATIC]
WORKERS = worker_count()


@bentoml.service(name=NAME, threads=2, workers=WORKERS, traffic={"timeout": 60})
@bentoml.asgi_app(mounted(create_app(NAME, ROUTERS, FIRST)), path="/")
class ActivityService(BaseActivityService):
    """Keypoints → activities."""

    workers = WORKERS
    close_logs = bentoml.on_shutdown(BaseActivityService.close_logs)


install_middleware(ActivityService, BODY_LIMIT)
