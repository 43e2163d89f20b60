"""GET /apps and POST /apps/NAME: applications on tracks, and in the analysis service on videos."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from posemill.applications import registry
from posemill.applications.presets import parse_params, preset_names
from posemill.applications.protocol import Application
from posemill.applications.registry import find_application
from posemill.applications.result import ApplicationResult
from posemill.applications.run import run
from posemill.applications.sources import stream_of_tracks
from posemill.serving.arrays import tracks_of
from posemill.serving.context import current_service
from posemill.serving.routers.job_answer import answer_of
from posemill.serving.routers.json_body import JSON, strict_json
from posemill.serving.routers.uploads import FORM, ApplicationForm, video_upload
from posemill.serving.schemas.activity import Problem
from posemill.serving.schemas.analysis import JobTaken
from posemill.serving.schemas.applications import (
    ApplicationAnswer,
    ApplicationEntry,
    ApplicationRequest,
    answer_with,
)

router = APIRouter(tags=["applications"])
_upload = asynccontextmanager(video_upload)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": ApplicationRequest.model_json_schema()},
            FORM: {"schema": ApplicationForm.model_json_schema()},
        },
    }
}


@router.get("/apps", operation_id="apps")
async def applications() -> list[ApplicationEntry]:
    """Applications, with their parameters and limits."""
    return [_entry(name) for name in registry.APPLICATIONS]


@router.post(
    "/apps/{name}",
    response_model=ApplicationAnswer,
    responses={
        202: {"model": JobTaken, "description": "A job; ask at `status`."},
        404: {"model": Problem, "description": "No such application."},
    },
    openapi_extra=_BODY,
    operation_id="run_application",
)
async def run_application(name: str, request: Request) -> Response:
    """Run an application on tracks (JSON) or on a video (form).

    The analysis service alone takes videos: a short one is answered at once, a longer one, or `job=true`, is a job.
    """
    if name not in registry.APPLICATIONS:
        raise HTTPException(404, f"there is no application {name[:40]!r}; there are {', '.join(registry.APPLICATIONS)}")
    if request.headers.get("content-type", "").startswith(FORM):
        return await _on_video(name, request)
    body = ApplicationRequest.model_validate(strict_json(await request.body()))
    service = current_service()
    result = await run_sync(partial(_on_tracks, name, body), limiter=service.threads)
    return Response(answer_with(result, service.provenance).model_dump_json(), media_type=JSON)


def _on_tracks(name: str, request: ApplicationRequest) -> ApplicationResult:
    """Run on the tracks of a request, in this thread. Errors: InputError, SkeletonError."""
    application = find_application(name).from_client(request.params)
    return run(application, stream_of_tracks(tracks_of(request), "request"))


async def _on_video(name: str, request: Request) -> Response:
    service = current_service()
    if getattr(service, "applications", None) is None:
        raise HTTPException(415, "this service takes keypoints, as JSON; videos are for the analysis service")
    async with _upload(request) as upload:
        application = find_application(name).from_client(parse_params(upload.fields.get("params", ""), "params"))
        await run_sync(service.applications.begin, service.jobs, upload, application)
        return await answer_of(service, upload.reserved)


def _entry(name: str) -> ApplicationEntry:
    found: type[Application[Any]] = find_application(name)
    return ApplicationEntry(
        application=name,
        title=found.title,
        line=registry.APPLICATIONS[name].line,
        presets=list(preset_names(name)),
        params=found.params_model().model_json_schema(),
        limits=list(found.limits),
        notice=found.notice,
    )
