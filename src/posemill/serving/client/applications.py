"""Calls of the client for applications: on tracks, and in the analysis service on videos."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from posemill.errors import PosemillError
from posemill.pose.track import MediumTracks
from posemill.serving.arrays import with_nulls
from posemill.serving.client.videos import VideoCalls
from posemill.serving.schemas.analysis import JobStatus
from posemill.serving.schemas.applications import ApplicationAnswer, ApplicationEntry


class ApplicationCalls(VideoCalls):
    """See Client for the errors of every call."""

    def applications(self) -> list[ApplicationEntry]:
        """Return the applications of the service, with their parameters and limits."""
        return [ApplicationEntry.model_validate(entry) for entry in self.get("/apps")]

    def run_application(
        self,
        name: str,
        source: MediumTracks | Path,
        params: Mapping[str, Any] | None = None,
        progress: Callable[[JobStatus], None] | None = None,
    ) -> ApplicationAnswer:
        """Run an application of the service and wait for its result.

        source    tracks, or a video file (the analysis service alone takes these).
        params    parameters by name; None = the defaults.
        progress  is called now and then with the status of a video that became a job.
        """
        route = f"/apps/{name}"
        if isinstance(source, MediumTracks):
            return ApplicationAnswer.model_validate(self.post(route, request_of(source, params or {})))
        answer = self.send_file(route, "video", source, {"params": json.dumps(dict(params or {}))})
        if "events" in answer:
            return ApplicationAnswer.model_validate(answer)
        job = str(answer["job"])
        try:
            return ApplicationAnswer.model_validate(self.wait_for(job, progress))
        finally:
            with suppress(PosemillError):
                self.cancel(job)


def request_of(tracks: MediumTracks, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a request with these tracks, as POST /apps/NAME takes it."""
    return {
        "keypoints": list(tracks.skeleton.keypoints),
        "width_px": tracks.width_px,
        "height_px": tracks.height_px,
        "frame_times_s": tracks.frame_times.time_s.tolist(),
        "people": [
            {
                "person": track.person,
                "time_s": track.time_s.tolist(),
                "xy": with_nulls(track.xy),
                "confidence": track.confidence.tolist(),
            }
            | ({} if track.z is None else {"z": with_nulls(track.z)})
            for track in tracks.tracks
        ],
        "params": dict(params),
    }
