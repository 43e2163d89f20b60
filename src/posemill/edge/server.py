"""HTTP on loopback: health, metrics for Prometheus, previews, and the page on which zones are drawn.

/health              JSON
/metrics             Prometheus' text form
/preview/NAME        MJPEG with skeletons and activities, where the configuration asks for previews
/snapshot/NAME.jpg   the newest picture
/zones               a page
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import cv2

from posemill.edge.runtime import Runtime
from posemill.edge.stream import SKELETON, Shown, Stream
from posemill.errors import InputError
from posemill.host_names import is_local_name
from posemill.video.draw import draw_poses

PAGE = Path(__file__).parent / "page"
FILES = {"/zones": ("zones.html", "text/html; charset=utf-8"), "/zones.js": ("zones.js", "text/javascript")}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' blob: data:; connect-src 'self'"
)
PREVIEW_HZ = 10.0
QUALITY = 80
BOUNDARY = "posemill"
NO_PREVIEW = "previews are off: set http.preview = true, or start with --preview"


class HealthServer:
    """The server, for the length of a `with`; it listens on 127.0.0.1 only.

    Attributes:
        port: where it listens; chosen by the system where 0 was given.

    Raises:
        InputError: the port is taken.
    """

    def __init__(self, runtime: Runtime, port: int) -> None:
        handler = type("Handler", (_Handler,), {"runtime": runtime})
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError as exc:
            raise InputError(
                f"port {port} on 127.0.0.1 is not free ({exc.strerror}): choose another with --http"
            ) from exc
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="posemill-edge-http", daemon=True)

    def __enter__(self) -> HealthServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    runtime: Runtime

    def do_GET(self) -> None:
        """Answer a request. Pictures of a camera are shown to no page whose name was made to lead here."""
        if (host := self.headers["Host"]) is not None and not is_local_name(host):
            self._refuse(421, f"{host[:80]!r} is not a name of this device: ask for localhost or an IP address")
            return
        path = unquote(self.path.partition("?")[0])
        if path in FILES:
            name, kind = FILES[path]
            self._answer((PAGE / name).read_bytes(), kind)
        elif path in ("/health", "/"):
            self._answer(json.dumps(self.runtime.health()).encode(), "application/json")
        elif path == "/metrics":
            self._answer(metrics(self.runtime.health(), self.runtime.streams).encode(), "text/plain; version=0.0.4")
        elif path.startswith("/snapshot/"):
            self._snapshot(path.removeprefix("/snapshot/").removesuffix(".jpg"))
        elif path.startswith("/preview/"):
            self._preview(path.removeprefix("/preview/"))
        else:
            self._refuse(404, f"no {path}; there are /health, /metrics, /zones, /preview/NAME, /snapshot/NAME.jpg")

    def _snapshot(self, name: str) -> None:
        stream = self._stream(name)
        if stream is not None and stream.shown is not None:
            self._answer(_jpeg(stream.shown), "image/jpeg")
        elif stream is not None:
            self._refuse(404, NO_PREVIEW)

    def _preview(self, name: str) -> None:
        stream = self._stream(name)
        if stream is None:
            return
        if stream.shown is None:
            self._refuse(404, NO_PREVIEW)
            return
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        try:
            for picture in _pictures(stream):
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                self.wfile.write(head.encode() + picture + b"\r\n")
        except OSError:  # whoever looked has gone
            self.close_connection = True

    def _stream(self, name: str) -> Stream | None:
        found = next((stream for stream in self.runtime.streams if stream.config.name == name), None)
        if found is None:
            known = ", ".join(stream.config.name for stream in self.runtime.streams)
            self._refuse(404, f"no source {name}; there are {known}")
        return found

    def _answer(self, content: bytes, kind: str) -> None:
        self.send_response(200)
        for header, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(content))),
            ("Content-Security-Policy", POLICY),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
        ):
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, status: int, reason: str) -> None:
        content = json.dumps({"error": reason}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log of requests."""


def metrics(health: dict[str, Any], streams: tuple[Stream, ...]) -> str:
    """Return the health report in Prometheus' text form."""
    lines: list[str] = []

    def family(name: str, kind: str, says: str, rows: list[tuple[str, float]]) -> None:
        lines.extend([f"# HELP posemill_edge_{name} {says}", f"# TYPE posemill_edge_{name} {kind}"])
        lines.extend(f"posemill_edge_{name}{labels} {value:g}" for labels, value in rows)

    sources = health["sources"].items()
    for key in ("read", "posed", "dropped"):
        rows = [(f'{{source="{name}"}}', s[f"frames_{key}"]) for name, s in sources]
        family(f"frames_{key}_total", "counter", f"Frames {key}.", rows)
    rows = [(f'{{source="{name}"}}', float(s["camera"] == "running")) for name, s in sources]
    family("camera_running", "gauge", "1 while the source gives frames without a fault.", rows)
    family(
        "opened_total",
        "counter",
        "Times that a source was opened.",
        [(f'{{source="{n}"}}', s["opened"]) for n, s in sources],
    )
    for part, at in (("count", 0), ("sum", 1)):
        rows = [
            (f'{{source="{stream.config.name}",stage="{stage}"}}', float(total[at]))
            for stream in streams
            for stage, total in stream.latency.totals().items()
        ]
        family(f"stage_seconds_{part}", "counter", f"Time in a stage: {part}.", rows)
    outputs = health["outputs"]
    family("events_total", "counter", "Events.", [("", outputs["events"])])
    family("events_waiting", "gauge", "Deliveries that wait for a receiver.", [("", outputs["waiting"])])
    return "\n".join(lines) + "\n"


def _pictures(stream: Stream) -> Iterator[bytes]:
    newest: Shown | None = None
    while stream.camera != "ended":
        if (shown := stream.shown) is not None and shown is not newest:
            newest = shown
            yield _jpeg(shown)
        time.sleep(1 / PREVIEW_HZ)


def _jpeg(shown: Shown) -> bytes:
    poses = [(pose.xy, pose.confidence) for pose in shown.people.values()]
    drawn = draw_poses(shown.image, poses, SKELETON, minimum_confidence=0.1)
    picture = cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR)
    for row, (person, activity) in enumerate(sorted(shown.activities.items())):
        text = f"{person}: {activity}".encode("ascii", "replace").decode()
        cv2.putText(picture, text, (8, 22 + 22 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 4, cv2.LINE_AA)
        cv2.putText(picture, text, (8, 22 + 22 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
