"""Client of a running service: HTTP by httpx, WebSocket by websockets. It needs no torch, BentoML or FastAPI."""

from __future__ import annotations

from posemill.serving.client.client import Client as Client

__all__ = ["Client"]
