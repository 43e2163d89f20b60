"""Answers of an activity model: the fields that library, service and client share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from posemill.features.verdict import NONE_OF_THESE

ABSTAINED = (
    "true = no activity is named: it is none of these that the model was taught, or the probability is below the "
    "rejection threshold; ask a person"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Verdict(_Strict):
    """The most probable activity of a person over the whole track, or "none of these" that the model was taught."""

    activity: str
    probability: float
    probabilities: dict[str, float]
    abstained: bool = Field(False, description=ABSTAINED)

    def __str__(self) -> str:
        unsure = self.abstained and self.activity != NONE_OF_THESE
        return f"{self.activity} ({self.probability:.2f}{', abstained' if unsure else ''})"


class Segment(_Strict):
    """An interval with one most probable activity."""

    start_s: float
    end_s: float
    activity: str
    probability: float
    abstained: bool = Field(False, description=ABSTAINED)


class Window(Segment):
    """One window of the track and the probabilities of all activities."""

    probabilities: dict[str, float]


class TrackPrediction(_Strict):
    """Activities of one person's track; `verdict` is null where no window could be cut."""

    verdict: Verdict | None
    segments: list[Segment]
    windows: list[Window]
    note: str | None = None

    def _repr_html_(self) -> str:
        from posemill.report.notebook import activities_html

        end_s = max((segment.end_s for segment in self.segments), default=0.0)
        rows = [(str(self.verdict or self.note or "no verdict"), _intervals(self.segments))]
        return activities_html("TrackPrediction", rows, end_s)


class TrackPoints(_Strict):
    """Keypoints of a person as they were found: (T,) times, (T, K, 2) pixels (null = not seen), (T, K) confidence."""

    time_s: list[float]
    xy: list[list[list[float | None]]]
    confidence: list[list[float]]


class Person(_Strict):
    """Activities of one person of a medium, from the first to the last pose."""

    person: int
    start_s: float
    end_s: float
    poses: int
    box: list[float] | None = Field(
        None, description="where this person usually is: left, top, right, bottom of the keypoints, pixels"
    )
    place: str | None = Field(None, description="third of the picture: left, middle or right")
    verdict: Verdict | None
    segments: list[Segment]
    windows: list[Window] = Field([], description="what the segments are made of: probabilities along time")
    track: TrackPoints | None = None

    @property
    def name(self) -> str:
        """Number and place, as people are told apart in texts: person 0 (middle)."""
        return f"person {self.person}" + (f" ({self.place})" if self.place else "")


class VideoFacts(_Strict):
    """Size, length and skeleton of what was analysed."""

    width_px: int
    height_px: int
    frames: int
    duration_s: float
    skeleton: str


class Prediction(_Strict):
    """Everybody's activities in one medium.

    verdict       of the main subject over the whole medium; null where no window could be cut.
    main_subject  number of the person that the verdict speaks of; null without people.
    people        verdict, timeline and windows of every person.
    note          why there is no verdict, if there is none.
    """

    video: VideoFacts
    verdict: Verdict | None
    main_subject: int | None
    people: list[Person]
    note: str | None = None

    def _repr_html_(self) -> str:
        from posemill.report.notebook import activities_html

        whom = next((f", {p.name}" for p in self.people if p.person == self.main_subject), "") if self.verdict else ""
        title = f"Prediction: {self.verdict or self.note or 'no verdict'}{whom}"
        rows = [(f"{p.name}: {p.verdict or 'no verdict'}", _intervals(p.segments)) for p in self.people]
        return activities_html(title, rows, self.video.duration_s)


def _intervals(segments: list[Segment]) -> list[tuple[float, float, str, float, bool]]:
    return [(s.start_s, s.end_s, s.activity, s.probability, s.abstained) for s in segments]
