"""Golden clips of a workspace: clips of the test split, spread over the activities, for every export and for parity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posemill.errors import InputError

if TYPE_CHECKING:
    from posemill.prediction.classifier import WindowClassifier
    from posemill.prediction.golden import GoldenTrack
    from posemill.stages.workspace import Workspace

CLIPS = 12


def golden_tracks(inputs: Workspace, model: WindowClassifier, count: int = CLIPS) -> list[GoldenTrack]:
    """Return the main subjects of at most `count` clips of the test split; clips without a window are left out.

    Errors: InputError where none gives a window.
    """
    from posemill.packaging.golden import main_subject_of
    from posemill.stages.held_out_clips import choose, held_out_clips
    from posemill.stages.rewindow import tracks_of

    clips = choose(held_out_clips(inputs), count)
    by_medium = {tracks.medium: tracks for tracks in tracks_of(inputs, clips)}
    asked = (
        main_subject_of(model, by_medium[c.medium], f"{c.medium[:12]}-{c.clip}", c.start_s, c.end_s, c.activity)
        for c in clips
        if c.medium in by_medium
    )
    found = [golden for golden in asked if golden is not None]
    if not found:
        raise InputError(f"no clip of the test split in {inputs.output('prepare')} gives a window of {model}")
    return found
