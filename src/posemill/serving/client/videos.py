"""Calls of the client that the analysis service alone answers: videos, jobs and pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from posemill.errors import PosemillError
from posemill.serving.client.connection import Connection
from posemill.serving.schemas.activity import VideoAnswer
from posemill.serving.schemas.analysis import ImageAnswer, JobStatus

POLL_S = 0.25  # between two questions for the progress of a job, at first; later every POLL_MOST_S
POLL_MOST_S = 5.0


class VideoCalls(Connection):
    """See Client for the errors of every call."""

    def analyse_video(
        self, path: Path, tracks: bool = False, progress: Callable[[JobStatus], None] | None = None
    ) -> VideoAnswer:
        """Upload a video and wait for the answer. The service makes a job of a long one.

        progress  is called now and then with the status of such a job.
        Errors: PosemillError also when the job failed or somebody cancelled it. A job that ended is forgotten, and
        one that is waited for no more is cancelled.
        """
        answer = self.send_file("/analyse_video", "video", path, {"tracks": str(tracks).lower()})
        if "people" in answer:
            return VideoAnswer.model_validate(answer)
        job = str(answer["job"])
        try:
            return self.wait(job, progress)
        finally:
            with suppress(PosemillError):
                self.cancel(job)

    def start_video(self, path: Path, tracks: bool = False) -> str:
        """Upload a video as a job, and return its number."""
        fields = {"tracks": str(tracks).lower(), "job": "true"}
        return str(self.send_file("/analyse_video", "video", path, fields)["job"])

    def job(self, number: str) -> JobStatus:
        """Return the progress of a job."""
        return JobStatus.model_validate(self.get(f"/jobs/{number}"))

    def wait(self, number: str, progress: Callable[[JobStatus], None] | None = None) -> VideoAnswer:
        """Wait for the answer of a job, once it is done. Errors: PosemillError for a job that ends otherwise."""
        return VideoAnswer.model_validate(self.wait_for(number, progress))

    def wait_for(self, number: str, progress: Callable[[JobStatus], None] | None = None) -> Any:
        """Wait for the answer of a job as plain JSON values; see `wait`."""
        poll_s = POLL_S
        while (status := self.job(number)).state in ("queued", "running"):
            if progress is not None:
                progress(status)
            time.sleep(poll_s)
            poll_s = min(1.2 * poll_s, POLL_MOST_S)
        if status.state != "done":
            raise PosemillError(f"job {number[:12]} {status.state}" + (f": {status.error}" if status.error else ""))
        return self.get(f"/jobs/{number}/result")

    def overlay(self, number: str, path: Path) -> Path:
        """Store the overlay video (MP4) of a job that is done."""
        return self.fetch(f"/jobs/{number}/overlay.mp4", path)

    def sheet(self, number: str, path: Path) -> Path:
        """Store the contact sheet (JPEG) of a job that is done."""
        return self.fetch(f"/jobs/{number}/sheet.jpg", path)

    def cancel(self, number: str) -> JobStatus:
        """End a job; one that ended already is forgotten, with all its files."""
        return JobStatus.model_validate(self.send("DELETE", f"/jobs/{number}"))

    def analyse_image(self, path: Path) -> ImageAnswer:
        """Return the poses of everybody in a picture (JPEG, PNG or WebP)."""
        return ImageAnswer.model_validate(self.send_file("/analyse_image", "image", path, {}))
