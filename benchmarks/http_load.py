"""HTTP load generator: asyncio, one kept connection a client, plain sockets, the same request over and over.

python benchmarks/http_load.py HOST PORT BODY --path /predict_windows --clients 8 --seconds 2 [--header "A: b"]
prints one JSON line. A process of its own, so that it and the server do not share a lock. With --rate the clients ask
so often a second, all together, whether or not they are answered as quickly; who is late asks at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

BROKEN = 0  # the status of a request whose connection ended without an answer


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status of one answer with a Content-Length, and whether the server closes the connection after it."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    await reader.readexactly(length)
    return int(lines[0].split(b" ")[1]), b"connection: close" in lines


async def ask(
    host: str, port: int, request: bytes, until: float, most: int, seen: list[tuple[int, float]], slots: Iterator[float]
) -> None:
    """One client; at least one answer, then until the clock or the number of all answers says enough."""
    writer: asyncio.StreamWriter | None = None
    try:
        while True:
            await asyncio.sleep(max(0.0, next(slots) - time.perf_counter()))
            started = time.perf_counter()
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection(host, port, limit=2**24)
                writer.write(request)
                status, closed = await read_answer(reader)  # a refusal may come before all is sent
                if not closed:
                    await writer.drain()
            except (OSError, asyncio.IncompleteReadError):
                status, closed = BROKEN, True
            now = time.perf_counter()
            seen.append((status, now - started))
            if closed and writer is not None:
                writer.close()
                writer = None
            if now > until or len(seen) >= most:
                return
    finally:
        if writer is not None:
            writer.close()


async def load(args: argparse.Namespace) -> dict[str, Any]:
    """All clients at once; what came back, and how quickly."""
    body = args.body.read_bytes()
    head = [f"POST {args.path} HTTP/1.1", f"Host: {args.host}", f"Content-Length: {len(body)}", *args.header]
    request = "\r\n".join([*head, "", ""]).encode() + body
    seen: list[tuple[int, float]] = []
    started = time.perf_counter()
    slots = count(started, 1 / args.rate if args.rate else 0.0)
    clients = [
        ask(args.host, args.port, request, started + args.seconds, args.requests, seen, slots)
        for _ in range(args.clients)
    ]
    await asyncio.gather(*clients)
    took = time.perf_counter() - started
    p50, p95, p99 = np.percentile([s for _, s in seen], [50, 95, 99]) * 1000
    return {
        "answers": len(seen),
        "requests_s": len(seen) / took,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "statuses": {str(status): n for status, n in Counter(status for status, _ in seen).items()},
        "seconds": took,
        "p99_ms_by_status": {
            str(status): float(np.percentile([s for code, s in seen if code == status], 99)) * 1000
            for status in {status for status, _ in seen}
        },
    }


def main() -> None:
    """Send the requests, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("body", type=Path)
    parser.add_argument("--path", default="/predict_windows")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rate", type=float, help="requests a second that the clients ask together")
    parser.add_argument("--requests", type=int, default=10**9, help="enough answers, whatever the clock says")
    print(json.dumps(asyncio.run(load(parser.parse_args()))))


if __name__ == "__main__":
    main()
