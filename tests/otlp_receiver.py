"""An OTLP endpoint for traces (HTTP, protobuf) on loopback, which keeps the spans that it gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A span as it came; ids are hex, `parent` is empty for the first of a trace."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    start_s: float
    end_s: float
    kind: int
    failed: bool
    attributes: dict[str, Any]


@dataclass
class Receiver:
    """Address of the endpoint, and what came. `raw` are the bodies."""

    url: str
    spans: list[Received] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def wait_for(self, *names: str) -> dict[str, Received]:
        """The newest spans of these names, once all of them are there."""
        end = time.monotonic() + 60
        while not {*names} <= {span.name for span in self.spans}:
            assert time.monotonic() < end, f"{sorted(span.name for span in self.spans)} came"
            time.sleep(0.05)
        return {span.name: span for span in self.spans}


def parse(body: bytes) -> list[Received]:
    """The spans of an ExportTraceServiceRequest."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return [
        Received(
            name=span.name,
            service=_attributes(group.resource.attributes)["service.name"],
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            start_s=span.start_time_unix_nano / 1e9,
            end_s=span.end_time_unix_nano / 1e9,
            kind=span.kind,
            failed=span.status.code == 2,
            attributes=_attributes(span.attributes),
        )
        for group in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Listen until the end of the context."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
            receiver.raw.append(body)
            receiver.spans.extend(parse(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
