"""Settings of traces: the standard OTEL_… environment variables, read without importing anything."""

from __future__ import annotations

import os
from collections.abc import Mapping

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_ENDPOINTS = (ENDPOINT, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def traces_wanted(env: Mapping[str, str] | None = None) -> bool:
    """Return True if the environment names an OTLP endpoint and does not switch traces off.

    >>> traces_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    True
    >>> traces_wanted({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"})
    False
    """
    env = os.environ if env is None else env
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true" or env.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(env.get(name) for name in _ENDPOINTS)
