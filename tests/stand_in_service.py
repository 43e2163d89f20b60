"""A service of canned answers that speaks the contract of the real one, for the page: no model, ready in a second.

What it does with an upload is said by the file's name: `broken` is refused, `fails` fails as a job, `slow` never ends
by itself, `nobody` has no people, `late` has no overlay. A comment with `no database` is answered as without one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from posemill.applications.protocol import Event, Measurement, Severity
from posemill.applications.result import ApplicationResult
from posemill.pose.gaps import found_only
from posemill.pose.track import PoseTrack
from posemill.serving.app import create_app
from posemill.serving.arrays import with_nulls
from posemill.serving.middleware.guard import GuardMiddleware
from posemill.serving.middleware.limits import Limits
from posemill.serving.routers import gallery, page
from posemill.serving.schemas.activity import VideoAnswer
from posemill.serving.schemas.provenance import Provenance
from posemill.serving.server import free_port

BODY_LIMIT = 4 * 2**20
CLASSES = ("jumping_jack", "squat", "walk", "wave")
PROVENANCE = Provenance.of(
    "posemill_analysis:k3q7v2",
    {
        "model": "7bf4" * 16,
        "features": "e66d" * 16,
        "classes": "c652" * 16,
        "labeller": "3318" * 16,
        "snapshot": "5bd6" * 16,
        "clips": "ac53" * 16,
        "weights": "e639" * 16,
        "params": "9e1d" * 16,
        "code": "bba85111279bf45b62e589bd630ba86cbbb12df0",
    },
).model_dump()
# (start_s, end_s, activity, probability, abstained) of each person in the clip of `Scene`
SAID = (
    ((0.2, 1.6, "walk", 0.94, False), (1.6, 2.4, "wave", 0.41, True), (2.4, 3.9, "walk", 0.88, False)),
    ((0.0, 2.0, "walk", 0.91, False), (2.0, 3.6, "squat", 0.77, False)),
)


@dataclass(slots=True)
class Scene:
    """Two rendered people who walk past each other: the clip, its overlay, and their true keypoints."""

    clip: Path
    overlay: Path
    tracks: tuple[PoseTrack, ...]

    @classmethod
    def render(cls, folder: Path) -> Scene:
        """A clip of 4 s, its overlay and an image, in about a second."""
        from posemill.synth.crossing import crossing
        from posemill.video.draw import draw_poses, write_jpeg
        from posemill.video.encode import VideoWriter

        crossed = crossing(4)
        clip, overlay = folder / "crossing.mp4", folder / "overlay.mp4"
        with VideoWriter(clip, crossed.fps, 640, 360) as plain, VideoWriter(overlay, crossed.fps, 640, 360) as drawn:
            for number, image in enumerate(crossed.images()):
                there = [(t, (t.frame == number).nonzero()[0]) for t in crossed.truth]
                poses = [(t.xy[rows[0]], None) for t, rows in there if len(rows)]
                plain.write(image)
                drawn.write(draw_poses(image, poses, crossed.truth[0].skeleton))
                if number == crossed.frames // 3:
                    write_jpeg(folder / "still.jpg", image)
        return cls(clip, overlay, crossed.truth)


@dataclass(slots=True)
class StandIn:
    """The canned service. What it was sent is kept: `uploads` (name, bytes), `kept` feedback, `cancelled` jobs."""

    scene: Scene
    small: bool = False
    key: str | None = None
    uploads: list[tuple[str, bytes]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def app(self) -> FastAPI:
        """All routes of the contract that the page uses."""
        asked = [
            Route("/readyz", lambda _: Response()),
            Route("/version", self.version),
            Route("/analyse_video", self.video, methods=["POST"]),
            Route("/analyse_image", self.image, methods=["POST"]),
            Route("/apps", self.applications),
            Route("/apps/{name}", self.video, methods=["POST"]),
            Route("/predict_track", self.track, methods=["POST"]),
            Route("/jobs/{id}", self.status, methods=["GET"]),
            Route("/jobs/{id}", self.cancel, methods=["DELETE"]),
            Route("/jobs/{id}/result", self.result),
            Route("/jobs/{id}/overlay.mp4", self.overlay),
            Route("/feedback", self.feedback, methods=["POST"]),
        ]
        app = create_app("stand_in", [page.router, gallery.router], asked)
        app.add_middleware(BaseHTTPMiddleware, dispatch=self._with_key)
        app.add_middleware(GuardMiddleware, limits=Limits(body_bytes=BODY_LIMIT, file_bytes=BODY_LIMIT))
        return app

    async def _with_key(self, request: Request, answer: RequestResponseEndpoint) -> Response:
        """As the guard of the real service: everything but the page wants the key, where there is one."""
        open_to_all = self.key is None or request.url.path.startswith("/uat")
        if open_to_all or request.cookies.get("posemill_key") == self.key:
            return await answer(request)
        return JSONResponse({"error": "this service wants an API key"}, 401)

    async def version(self, request: Request) -> Response:
        """What runs here; the small service takes keypoints only."""
        endpoints = ["/predict_windows", "/predict_track"]
        endpoints += [] if self.small else ["/analyse_video", "/analyse_image", "/jobs", "/live"]
        licence = "Apache-2.0" if self.small else "AGPL-3.0 (poses by OpenPifPaf)"
        return JSONResponse(
            {
                "posemill": "0.1.0",
                "bento": PROVENANCE["bento"],
                "provenance": PROVENANCE,
                "receipt": PROVENANCE,
                "licence": licence,
                "endpoints": endpoints,
            }
        )

    async def video(self, request: Request) -> Response:
        """A job for every video; a file called broken is none."""
        name = await self._uploaded(request, "video")
        if "broken" in name:
            says = f"{name} is not a video that can be read: it begins like a text; send MP4, MOV or WebM"
            return JSONResponse({"error": says}, 422)
        job = f"{len(self.jobs) + 1:08x}"
        application = request.path_params.get("name")
        self.jobs[job] = {"name": name, "polls": 0, "cancelled": False, "application": application}
        return JSONResponse({"job": job, "status": f"/jobs/{job}"}, 202)

    async def applications(self, request: Request) -> Response:
        """Two applications."""
        titles = {"fall": "Fall alarm", "repetitions": "Repetitions"}
        return JSONResponse([{"application": name, "title": title, "line": title} for name, title in titles.items()])

    def said_by_application(self, name: str) -> ApplicationResult:
        """A fall of the first person, and what cannot be measured."""
        fell = {"application": name, "person": 0, "time_s": 2.0, "start_s": 1.0}
        text = "Person 0 fell & lies <b>down</b>"
        return ApplicationResult(
            application=name,
            title="Fall alarm",
            source="crossing.mp4",
            params={},
            skeleton="coco-17",
            width_px=640,
            height_px=360,
            frames=100,
            duration_s=4.0,
            people=2,
            events=(
                Event(**fell, kind="fall", end_s=3.0, severity=Severity.ALARM, message=text),
                Event(**fell | {"start_s": 3.0, "time_s": 3.0}, kind="cleared", message="Person 0 got up"),
            ),
            measurements=(
                Measurement(
                    application=name,
                    name="long_lie",
                    person=0,
                    start_s=0,
                    end_s=4,
                    value=None,
                    unit="s",
                    reason="cut off by the border",
                ),
            ),
            summary={"falls": 1, "longest_lie_s": 2.0},
            limits=("It cannot see behind furniture.",),
            notice="This is no medical device.",
        )

    async def image(self, request: Request) -> Response:
        """The poses of the clip at one moment."""
        name = await self._uploaded(request, "image")
        if "broken" in name:
            return JSONResponse({"error": f"{name} is not a picture; send JPEG, PNG or WebP"}, 422)
        at = 20
        poses = [
            {
                "xy": with_nulls(t.xy[at]),
                "confidence": t.confidence[at].tolist(),
                "person_confidence": 0.8,
                "score": 0.8,
            }
            for t in self.scene.tracks
        ]
        facts = {"width_px": 640, "height_px": 360, "skeleton": "coco-17"}
        return JSONResponse({"image": facts, "poses": poses, "provenance": PROVENANCE, "receipt": PROVENANCE})

    async def track(self, request: Request) -> Response:
        """The canned answer of the first person."""
        person = self.answer()["people"][0]
        said = {key: person[key] for key in ("verdict", "segments", "windows")}
        return JSONResponse({**said, "note": None, "provenance": PROVENANCE, "receipt": PROVENANCE})

    async def status(self, request: Request) -> Response:
        """Every time it is asked a job is a third further."""
        id = request.path_params["id"]
        if id not in self.jobs:
            return JSONResponse({"error": f"there is no job {id}; jobs are kept for an hour"}, 404)
        job = self.jobs[id]
        job["polls"] += 1
        state, progress, error = "running", min(1.0, job["polls"] / 3), None
        if job["cancelled"]:
            state = "cancelled"
        elif "slow" in job["name"]:
            progress = 0.35
        elif "fails" in job["name"] and progress == 1:
            state, error = "failed", "frame 71 of the video cannot be decoded: the file is damaged there"
        elif progress == 1:
            state = "done"
        answer = {
            "job": id,
            "state": state,
            "progress": progress,
            "frames_done": round(100 * progress),
            "frames": 100,
            "error": error,
        }
        return JSONResponse(answer)

    async def cancel(self, request: Request) -> Response:
        """The job ends."""
        self.jobs[request.path_params["id"]]["cancelled"] = True
        self.cancelled.append(request.path_params["id"])
        return await self.status(request)

    async def result(self, request: Request) -> Response:
        """The canned answer."""
        job = self.jobs[request.path_params["id"]]
        if job["application"]:
            return JSONResponse(self.said_by_application(job["application"]).model_dump(mode="json"))
        return JSONResponse(self.answer(nobody="nobody" in self.jobs[request.path_params["id"]]["name"]))

    async def overlay(self, request: Request) -> Response:
        """The drawn clip, with Range support."""
        if "late" in self.jobs[request.path_params["id"]]["name"]:
            return JSONResponse({"error": "the overlay is not written yet"}, 404)
        return FileResponse(self.scene.overlay)

    async def feedback(self, request: Request) -> Response:
        """Keeps feedback."""
        said = await request.json()
        if "no database" in (said.get("comment") or ""):
            says = "feedback cannot be kept: the service has no database; start it with `posemill serve`"
            return JSONResponse({"error": says}, 503)
        self.kept.append(said)
        return JSONResponse({"feedback": len(self.kept)})

    async def _uploaded(self, request: Request, name: str) -> str:
        """Name of the upload in that field."""
        async with request.form() as form:
            upload: Any = form[name]
            self.uploads.append((upload.filename, await upload.read()))
        return str(upload.filename)

    def answer(self, nobody: bool = False) -> dict[str, Any]:
        """A VideoAnswer, checked as one, with tracks, windows and abstentions."""
        people = [] if nobody else [_person(t, said) for t, said in zip(self.scene.tracks, SAID, strict=True)]
        facts = {"width_px": 640, "height_px": 360, "frames": 100, "duration_s": 4.0, "skeleton": "coco-17"}
        answer = {
            "video": facts,
            "verdict": people[0]["verdict"] if people else None,
            "main_subject": 0 if people else None,
            "people": people,
            "note": "nobody was found in this video" if nobody else None,
            "provenance": PROVENANCE,
        }
        return VideoAnswer.model_validate(answer).model_dump()


def _person(track: PoseTrack, said: tuple[tuple[float, float, str, float, bool], ...]) -> dict[str, Any]:
    seen = found_only(track)
    keys = ("start_s", "end_s", "activity", "probability", "abstained")
    segments = [dict(zip(keys, each, strict=True)) for each in said]
    rows = [{**s, "probabilities": _shares(s["activity"], s["probability"])} for s in segments]
    return {
        "person": track.person,
        "start_s": float(seen.time_s[0]),
        "end_s": float(seen.time_s[-1]),
        "poses": len(seen),
        "verdict": {"activity": "walk", "probability": 0.81, "probabilities": _shares("walk", 0.81)},
        "segments": segments,
        "windows": rows,
        "track": {"time_s": seen.time_s.tolist(), "xy": with_nulls(seen.xy), "confidence": seen.confidence.tolist()},
    }


def _shares(activity: str, probability: float) -> dict[str, float]:
    """`probability` for one class, the rest falling off over the others."""
    rest = [name for name in CLASSES if name != activity]
    return {activity: probability} | {
        name: (1 - probability) * w for name, w in zip(rest, (0.6, 0.3, 0.1), strict=True)
    }


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve on a free loopback port in a thread; yields the address."""
    import uvicorn

    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    try:
        until = time.monotonic() + 120
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def main() -> None:
    """Serve until interrupted, to look at the page: python tests/stand_in_service.py FOLDER"""
    import sys

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with serving(StandIn(Scene.render(folder)).app()) as address:
        print(address + "/uat", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
