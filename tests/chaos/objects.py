"""Object store behind a proxy that answers 500, loses answers, cuts uploads and is late: labelling on S3."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chaos.history import Cell
from chaos.labelling import Labelling
from chaos.place import TRACEBACK, Bench, Place, complete
from chaos.shim import WritePoint
from chaos.zygote import Child
from object_stores import s3_environment, s3_server

FAULTS = ("500", "answer lost", "upload cut", "download cut", "late")
LATE_S = 0.5
BUCKET = "chaos"
_ERROR = b"<Error><Code>InternalError</Code><Message>by the proxy</Message></Error>"


class FaultyProxy(ThreadingHTTPServer):
    """Forwards every request to a port, but for a share of them that goes wrong in one way."""

    daemon_threads = True

    def __init__(self, to: int, fault: str, share: float, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.to, self.fault, self.share, self.struck = to, fault, share, 0
        self.chance = random.Random(seed)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def strikes(self) -> bool:
        """True if this request goes wrong."""
        wrong = self.chance.random() < self.share
        self.struck += wrong
        return wrong

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _any(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.fault if self.server.strikes() else ""
        if fault == "500":
            self._answer(500, [("Content-Type", "application/xml")], _ERROR)
            return
        if fault == "late":
            time.sleep(LATE_S)
        upstream = http.client.HTTPConnection("127.0.0.1", self.server.to, timeout=20)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "expect")}
        headers["Content-Length"] = str(len(body))
        if fault == "upload cut" and body:
            with suppress(OSError):
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in headers.items():
                    upstream.putheader(name, value)
                upstream.endheaders(body[: len(body) // 2])
            upstream.close()
            self.close_connection = True
            return
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        if fault == "answer lost":
            self.close_connection = True
            return
        self._answer(answer.status, answer.getheaders(), content, cut=fault == "download cut")

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _any

    def _chunks(self) -> bytes:
        content = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, cut: bool = False) -> None:
        self.send_response_only(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


class RemoteLabelling(Labelling):
    """The same three videos, with everything in a bucket."""

    name = "label worker, store on S3"
    port = 0  # of the proxy that the present try goes through

    def __init__(self, bench: Bench, server: int) -> None:
        super().__init__(bench)
        self._server = server
        os.environ.update(s3_environment(server))
        self._fs().mkdir(BUCKET)

    def place(self) -> Place:
        """See Work."""
        place = super().place()
        self._fs().put(str(place.store), f"{BUCKET}/{place.folder.name}", recursive=True)
        return place

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work."""
        url = {"POSEMILL_STORE_URL": f"s3://{BUCKET}/{place.folder.name}", "TMPDIR": str(place.folder)}
        extra = s3_environment(self.port or self._server) | url
        return self.bench.start(place, "chaos.zygote:posemill", ["label", "--json"], point, extra)

    def fetch(self, place: Place) -> None:
        """Copy what the bucket has to the folder in which the check looks."""
        fs = self._fs()
        for path in fs.find(f"{BUCKET}/{place.folder.name}"):
            target = place.store / Path(path).relative_to(f"{BUCKET}/{place.folder.name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(fs.cat_file(path))

    def _fs(self) -> Any:
        import s3fs

        return s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


@contextmanager
def remote_labelling(bench: Bench) -> Iterator[RemoteLabelling]:
    """A server for the length of a `with`."""
    with s3_server(bench.postgres.folder) as port:
        yield RemoteLabelling(bench, port)


def faulty_store(fault: str, bench: Bench, tries: int, seed: int, share: float = 0.15) -> Cell:
    """A share of the requests goes wrong until the command has ended once; then it runs again without faults."""
    cell, struck = Cell(f"object store: {fault}", RemoteLabelling.name, seed), 0
    with remote_labelling(bench) as work:
        for number in range(tries):
            place = work.place()
            proxy = FaultyProxy(work._server, fault, share, seed * 1000 + number)
            work.port = proxy.port
            child = work.start(place)
            child.wait(180)
            place.outputs.append(child.said())
            proxy.shutdown()
            proxy.server_close()
            struck, work.port = struck + proxy.struck, 0
            since = time.monotonic()
            work.fetch(place)
            work.after_fault(place)
            complete(work, place)
            seconds = time.monotonic() - since
            work.fetch(place)
            cell.add(work.verdict(place), seconds)
            cell.tracebacks += sum(TRACEBACK in output for output in place.outputs)
            work.bench.remove(place)
    cell.note = f"{share:.0%} of the requests, {struck} in all"
    return cell
