"""Applications by name, imported on first use: `posemill.apps.FallAlarm(...)`, and how to run one.

>>> from posemill import apps
>>> sorted(apps.__all__)[:2]
['Application', 'ApplicationResult']
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posemill.applications.coach.coach import FormCoach
    from posemill.applications.fall.alarm import FallAlarm
    from posemill.applications.mocap.app import MotionCapture
    from posemill.applications.protocol import Application, Event, Measurement, Severity
    from posemill.applications.ratios.app import BodyRatios
    from posemill.applications.repetitions.application import RepetitionCounter
    from posemill.applications.result import ApplicationResult
    from posemill.applications.run import run
    from posemill.applications.sources import stream_of_tracks
    from posemill.applications.yoga.identifier import YogaIdentifier

_HOMES = {
    "Application": "protocol",
    "ApplicationResult": "result",
    "BodyRatios": "ratios.app",
    "Event": "protocol",
    "FallAlarm": "fall.alarm",
    "FormCoach": "coach.coach",
    "Measurement": "protocol",
    "MotionCapture": "mocap.app",
    "RepetitionCounter": "repetitions.application",
    "Severity": "protocol",
    "YogaIdentifier": "yoga.identifier",
    "run": "run",
    "stream_of_tracks": "sources",
}
__all__ = [
    "Application",
    "ApplicationResult",
    "BodyRatios",
    "Event",
    "FallAlarm",
    "FormCoach",
    "Measurement",
    "MotionCapture",
    "RepetitionCounter",
    "Severity",
    "YogaIdentifier",
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
