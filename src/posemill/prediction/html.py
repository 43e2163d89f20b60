"""HTML views of predictions for notebooks: the verdict and each person's activities along time."""

from __future__ import annotations

from collections.abc import Sequence

from posemill.prediction.schema import Prediction, Segment, TrackPrediction, Verdict
from posemill.report.notebook import COLOURS, Bar, activities_html
from posemill.report.plots import MIDDLE


def prediction_html(answer: Prediction) -> str:
    """Render a Prediction: the main subject's verdict and a timeline a person."""
    colours = _colours([segment for person in answer.people for segment in person.segments])
    rows = [
        (f"person {person.person}: {_said(person.verdict)}", _bars(person.segments, colours))
        for person in answer.people
    ]
    title = f"Prediction: {_said(answer.verdict, answer.note)}"
    return activities_html(title, rows, answer.video.duration_s)


def track_prediction_html(answer: TrackPrediction) -> str:
    """Render a TrackPrediction: verdict and timeline."""
    end_s = max((segment.end_s for segment in answer.segments), default=0.0)
    bars = _bars(answer.segments, _colours(answer.segments))
    return activities_html("TrackPrediction", [(_said(answer.verdict, answer.note), bars)], end_s)


def _colours(segments: Sequence[Segment]) -> dict[str, str]:
    names = sorted({segment.activity for segment in segments})
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def _bars(segments: Sequence[Segment], colours: dict[str, str]) -> list[Bar]:
    return [
        (
            segment.start_s,
            segment.end_s,
            MIDDLE if segment.abstained else colours[segment.activity],
            f"{segment.activity} {segment.probability:.2f}, {segment.start_s:.1f}–{segment.end_s:.1f} s",
        )
        for segment in segments
    ]


def _said(verdict: Verdict | None, note: str | None = None) -> str:
    if verdict is None:
        return note or "no verdict"
    return f"{verdict.activity} ({verdict.probability:.2f}{', abstained' if verdict.abstained else ''})"
