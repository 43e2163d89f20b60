"""Writing golden clips: what a packaged model answers to chosen tracks, for every export; see prediction/golden.py."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from posemill.atomic import write_text
from posemill.errors import InputError
from posemill.features.clip_windows import clip_windows
from posemill.pose.pairs import with_partner
from posemill.pose.track import MediumTracks
from posemill.prediction.classifier import WindowClassifier
from posemill.prediction.golden import FORMAT, TOLERANCE, GoldenClip, GoldenTrack, answer, to_json


def main_subject_of(
    model: WindowClassifier, tracks: MediumTracks, name: str, start_s: float, end_s: float, activity: str | None
) -> GoldenTrack | None:
    """Return the main subject of a clip as a golden track; None where there is nobody, or no window of them."""
    cut = clip_windows(model.features, tracks, start_s, end_s)
    if cut is None or not len(cut.windows):
        return None
    subject = cut.subject
    if model.features.people == 2:
        subject = with_partner(subject, tracks.others(subject))
    return GoldenTrack(name, subject, tracks.width_px, tracks.height_px, activity)


def write_golden(path: Path, model: WindowClassifier, tracks: Iterable[GoldenTrack]) -> tuple[GoldenClip, ...]:
    """Write golden.json: the model's own answers to these tracks. Returns the clips.

    Errors: InputError where no track gives a window, since nothing would be compared then.
    """
    clips = tuple(answer(model, track) for track in tracks)
    if not any(len(clip.windows) for clip in clips):
        raise InputError("golden clips should have at least one window; all tracks are too short, or hardly seen")
    content = {
        "format": FORMAT,
        "model": model.digests.get("model"),
        "classes": list(model.classes),
        "tolerance": TOLERANCE,
        "clips": [to_json(clip) for clip in clips],
    }
    write_text(path, json.dumps(content, allow_nan=False) + "\n")
    return clips
