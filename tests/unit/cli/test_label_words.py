from __future__ import annotations

import pytest

from posemill.cli.label import _planned
from posemill.labelling.plan import Plan


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "new 2, cached 998, quarantined 1; chunks: new 12, cached 1004\n19800 frames to do: no rate measured yet"),
        (
            {"frames_per_second": 30.0, "seconds": 660.0},
            "new 2, cached 998, quarantined 1; chunks: new 12, cached 1004\n"
            "19800 frames to do: about 11 min 00 s at 30.0 frames/s, one worker",
        ),
        (
            {"unmeasured": 1, "to_track": 7},
            "new 2, cached 998, quarantined 1; chunks: new 12, cached 1004; "
            "tracks to put together without the network: 7\n"
            "19800 frames and 1 video not measured yet to do: no rate measured yet",
        ),
        (
            {"frames": 0, "unmeasured": 2, "estimated": 600, "frames_per_second": 30.0, "seconds": 20.0},
            "new 2, cached 998, quarantined 1; chunks: new 12, cached 1004\n"
            "2 videos not measured yet (about 600 frames) to do: about 20 s at 30.0 frames/s, one worker",
        ),
        (
            {"unmeasured": 2, "frames_per_second": 30.0},
            "new 2, cached 998, quarantined 1; chunks: new 12, cached 1004\n"
            "19800 frames and 2 videos not measured yet to do: how long, is known once they are measured",
        ),
        (
            {"new": 0, "frames": 0, "chunks": 0, "frames_per_second": 30.0, "seconds": 0.0},
            "new 0, cached 998, quarantined 1; chunks: new 0, cached 1004\nnothing to do for the network",
        ),
    ],
)
def test_a_plan_in_words(change: dict[str, float], said: str) -> None:
    figures = {
        "new": 2,
        "cached": 998,
        "quarantined": 1,
        "chunks": 12,
        "chunks_cached": 1004,
        "frames": 19_800,
        "unmeasured": 0,
        "to_track": 0,
        "frames_per_second": None,
        "seconds": None,
    }
    assert _planned(Plan(**{**figures, **change})) == said  # type: ignore[arg-type]
