"""Result of an application on a stream: what it said, its headline figures, and what it cannot see."""

from __future__ import annotations

from html import escape
from typing import Any

from pydantic import BaseModel, ConfigDict

from posemill.applications.protocol import Detail, Event, Measurement

SHOWN = 20  # newest events in a notebook's view


class ApplicationResult(BaseModel):
    """Everything an application said of one stream.

    duration_s  time of the last frame; frames: how many there were; people: how many different ones.
    summary     headline figures by name, with units in the names.
    limits      what the application cannot see, a sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    application: str
    title: str
    source: str
    params: dict[str, Any]
    skeleton: str
    width_px: int
    height_px: int
    frames: int
    duration_s: float
    people: int
    events: tuple[Event, ...]
    measurements: tuple[Measurement, ...]
    summary: dict[str, Detail]
    limits: tuple[str, ...]
    notice: str

    def events_of(self, kind: str) -> tuple[Event, ...]:
        """Return the events of one kind, in order of time."""
        return tuple(event for event in self.events if event.kind == kind)

    def _repr_html_(self) -> str:
        figures = ", ".join(
            f"{escape(name.replace('_', ' '))} <b>{escape(str(v))}</b>" for name, v in self.summary.items()
        )
        rows = "".join(f"<li>{event.start_s:.1f} s: {escape(event.message)}</li>" for event in self.events[-SHOWN:])
        return f"<div><b>{escape(self.title)}</b> {escape(self.source)}: {figures}<ul>{rows}</ul></div>"
