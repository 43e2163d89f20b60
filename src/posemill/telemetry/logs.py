"""Logs as JSON, one object a line, with the ids of the current trace: POSEMILL_LOG=json."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from posemill.errors import InputError
from posemill.telemetry import trace

LOG = "POSEMILL_LOG"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_OF_RUNS = ("flow_run_id", "flow_run_name", "task_run_id", "task_run_name")  # Prefect puts them into its records


class OneLine(logging.Filter):
    """Escapes control characters of a record: what a client sends, as a path with %0a, makes no line of its own."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the message; every record passes."""
        record.msg, record.args = _CONTROL.sub(lambda c: ascii(c[0])[1:-1], record.getMessage()), ()
        return True


class JsonFormatter(logging.Formatter):
    """A record as a line of JSON: time (UTC), level, logger, message, exception, trace_id, span_id, ids of runs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if (ids := trace.ids()) is not None:
            fields["trace_id"], fields["span_id"] = ids
        fields |= {name: str(value) for name in _OF_RUNS if (value := getattr(record, name, None)) is not None}
        return json.dumps(fields, ensure_ascii=False)


def use_json(env: Mapping[str, str] | None = None) -> bool:
    """Write the logs of this process as JSON where POSEMILL_LOG is `json`; return whether they are.

    Every handler that writes to a stream gets the formatter, those of BentoML, uvicorn and Prefect too; without any on
    the root logger, one to stderr is made. Call it after these have set up theirs.
    Errors: InputError for another value.
    """
    value = (os.environ if env is None else env).get(LOG, "")
    if value not in ("", "text", "json"):
        raise InputError(f"{LOG} should be json or text, came as {value!r}")
    if value != "json":
        return False
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler(sys.stderr))
    loggers = [root, *(logger for logger in logging.Logger.manager.loggerDict.values())]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):  # a placeholder has none
            if isinstance(handler, logging.StreamHandler):
                handler.setFormatter(JsonFormatter())
    return True
