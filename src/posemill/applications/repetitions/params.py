"""Parameters of the repetition counter."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from posemill.applications.params import AppParams


class RepetitionParams(AppParams):
    """Parameters of the repetition counter; there is none for the exercise, which it does not need to know.

    subjects         `main`: the one who is biggest in the picture, followed through cuts and lost tracks, one count;
                     `everyone`: every tracked person, a count each.
    lookahead_s      seconds of future that a moment must have before it is decided: longer is more certain, and later.
    least_confidence keypoints below it are not used.
    least_range_deg  repetitions whose principal joint angle moves less are not counted; 0 = count all.
    away_s           somebody who was not seen for so long has left; their set is over.
    model            folder of a packaged activity model that names each repetition; None = none.
    """

    local_files: ClassVar[tuple[str, ...]] = ("model",)

    subjects: Literal["main", "everyone"] = "main"
    lookahead_s: float = Field(4.0, ge=1.0, le=15.0)
    least_confidence: float = Field(0.1, ge=0.0, le=1.0)
    least_range_deg: float = Field(0.0, ge=0.0, le=180.0)
    away_s: float = Field(10.0, ge=3.0, le=120.0)
    model: Path | None = None
