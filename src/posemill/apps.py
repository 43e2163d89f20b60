"""Applications by name, imported on first use: `posemill.apps.FallAlarm(...)`, and how to run one.

>>> from posemill import apps
>>> sorted(apps.__all__)[:2]
['Application', 'ApplicationResult']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posemill.applications.fall.alarm import FallAlarm
    from posemill.applications.protocol import Application, Event, Measurement, Severity
    from posemill.applications.result import ApplicationResult
    from posemill.applications.run import run
    from posemill.applications.sources import stream_of_tracks

_HOMES = {
    "Application": "protocol",
    "ApplicationResult": "result",
    "Event": "protocol",
    "FallAlarm": "fall.alarm",
    "Measurement": "protocol",
    "Severity": "protocol",
    "YogaIdentifier": "yoga.identifier",
    "run": "run",
    "stream_of_tracks": "sources",
}
__all__ = [
    "Application",
    "ApplicationResult",
    "Event",
    "FallAlarm",
    "Measurement",
    "Severity",
    "run",
    "stream_of_tracks",
]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a name from its module on first use (PEP 562)."""
        from importlib import import_module

        if name not in _HOMES:
            raise AttributeError(f"module 'posemill.apps' has no attribute {name!r}; it has {', '.join(__all__)}")
        value = getattr(import_module(f"posemill.applications.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Public names, also those not imported yet, for completion."""
    return sorted({*globals(), *__all__})
