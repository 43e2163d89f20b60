"""Golden clips: tracks with the windows, logits, verdict and timeline that a packaged model gives for them.

They travel with every export as `golden.json`, so that each runtime (service, edge, browser) can be asked the same
questions and be compared with the answers. `posemill.packaging.golden` writes the file; `posemill parity` compares.
numpy only.

golden.json:

    format         "posemill-golden-1".
    model          SHA-256 of activity.onnx, whose answers these are.
    classes        activities in output order.
    tolerance      largest difference of a probability that a runtime may show.
    clips          a list of:
        name       of the clip, for people.
        activity   as it was annotated; null = not known.
        track      {skeleton, width_px, height_px, frame [T], time_s [T], xy, confidence, state [T], z or null}: one
                   person's poses, in pixels.
        spans      (N, 2) start and end of every window, seconds.
        windows    (N, T, K, C) pixels and confidence, as the feature pipeline cuts them.
        inputs     (N, T, K, 3) what the network gets, as the feature pipeline transforms them.
        logits     (N, C).
        probabilities  (N, C), calibrated.
        verdict    {activity, probability, abstained, probabilities [C]} over all windows; null without a window.
        timeline   list of {start_s, end_s, activity, probability, abstained}.

Arrays are {"shape": [...], "values": [...]}, row by row, null = NaN (not seen).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posemill.errors import CheckpointError
from posemill.features.verdict import abstains, clip_probabilities, segments
from posemill.pose.definition import defined, definition
from posemill.pose.track import PoseTrack
from posemill.prediction.classifier import WindowClassifier

FILE, FORMAT = "golden.json", "posemill-golden-1"
TOLERANCE = 1e-3  # of a probability


@dataclass(frozen=True, slots=True, eq=False)
class GoldenTrack:
    """A clip to be asked about: one person's poses.

    activity  as it was annotated; None = not known.

    Windows are cut from the first to the last pose, as a service cuts a track.
    """

    name: str
    track: PoseTrack
    width_px: int
    height_px: int
    activity: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GoldenClip:
    """A clip with its answers; see the module for what the arrays are."""

    name: str
    activity: str | None
    track: PoseTrack
    size_px: tuple[int, int]
    spans: NDArray[np.float64]
    windows: NDArray[np.float32]
    inputs: NDArray[np.float32]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    verdict: dict[str, Any] | None
    timeline: list[dict[str, Any]]


def answer(model: WindowClassifier, golden: GoldenTrack) -> GoldenClip:
    """Return the clip with the answers of a model, whatever runs its network."""
    spans, windows, probabilities = model.window_probabilities(golden.track)
    return GoldenClip(
        golden.name,
        golden.activity,
        golden.track,
        (golden.width_px, golden.height_px),
        spans,
        windows,
        model.features.transform(windows),
        model.logits(windows),
        probabilities,
        verdict(model, probabilities),
        timeline(model, spans, probabilities),
    )


def question(clip: GoldenClip) -> GoldenTrack:
    """Return the track of a clip, to be asked about again."""
    return GoldenTrack(clip.name, clip.track, *clip.size_px, clip.activity)


def verdict(model: WindowClassifier, probabilities: NDArray[np.float32]) -> dict[str, Any] | None:
    """Return the verdict over all windows (N, C), as golden.json has it; None without a window."""
    if not len(probabilities):
        return None
    joined = clip_probabilities(probabilities)
    best = int(joined.argmax())
    return {
        "activity": model.classes[best],
        "probability": float(joined[best]),
        "abstained": bool(model.abstained(joined[None])[0]),
        "probabilities": [float(p) for p in joined],
    }


def timeline(
    model: WindowClassifier, spans: NDArray[np.float64], probabilities: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """Return the timeline of windows, spans (N, 2) seconds and probabilities (N, C), as golden.json has it."""
    return [
        {
            "start_s": row.start_s,
            "end_s": row.end_s,
            "activity": model.classes[row.best],
            "probability": row.probability,
            "abstained": abstains(model.classes[row.best], row.probability, model.rejection_threshold),
        }
        for row in segments(spans, probabilities)
    ]


def compare(expected: GoldenClip, given: GoldenClip) -> float:
    """Return the largest difference of a probability; infinity where windows, verdict or timeline differ."""
    if expected.probabilities.shape != given.probabilities.shape or not np.allclose(expected.spans, given.spans):
        return float("inf")
    same = [_activity(expected.verdict) == _activity(given.verdict), _intervals(expected) == _intervals(given)]
    if not all(same):
        return float("inf")
    parts = [expected.probabilities - given.probabilities, np.array(_joined(expected)) - np.array(_joined(given))]
    return float(max(np.abs(part).max(initial=0.0) for part in parts))


def _activity(verdict: dict[str, Any] | None) -> tuple[Any, Any] | None:
    return None if verdict is None else (verdict["activity"], verdict["abstained"])


def _joined(clip: GoldenClip) -> list[float]:
    return clip.verdict["probabilities"] if clip.verdict else []


def _intervals(clip: GoldenClip) -> list[tuple[Any, ...]]:
    return [(round(row["start_s"], 6), round(row["end_s"], 6), row["activity"]) for row in clip.timeline]


def read_golden(path: Path, classes: Sequence[str] | None = None) -> tuple[GoldenClip, ...]:
    """Read golden.json. Errors: CheckpointError where it is missing, damaged or of other classes."""
    try:
        content = json.loads(path.read_text())
        if content["format"] != FORMAT:
            raise CheckpointError(f"{path}: expected format {FORMAT}, came {content['format']!r}; export again")
        if classes is not None and list(classes) != content["classes"]:
            raise CheckpointError(
                f"{path} is of a model with classes {', '.join(content['classes'])}, this one has {', '.join(classes)}"
            )
        return tuple(from_json(clip) for clip in content["clips"])
    except FileNotFoundError:
        raise CheckpointError(f"no {path}: export the model again") from None
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(f"{path} is not a golden.json of posemill: {exc!r}; export the model again") from exc


def to_json(clip: GoldenClip) -> dict[str, Any]:
    """Return a clip as golden.json has it."""
    track = clip.track
    return {
        "name": clip.name,
        "activity": clip.activity,
        "track": {
            "skeleton": definition(track.skeleton),
            "width_px": clip.size_px[0],
            "height_px": clip.size_px[1],
            "frame": track.frame.tolist(),
            "time_s": track.time_s.tolist(),
            "xy": _array(track.xy),
            "confidence": _array(track.confidence),
            "state": track.state.tolist(),
            "z": None if track.z is None else _array(track.z),
        },
        **{name: _array(getattr(clip, name)) for name in _ARRAYS},
        "verdict": clip.verdict,
        "timeline": clip.timeline,
    }


_ARRAYS = ("spans", "windows", "inputs", "logits", "probabilities")


def from_json(fields: dict[str, Any]) -> GoldenClip:
    """Read what `to_json` wrote."""
    poses = fields["track"]
    track = PoseTrack(
        defined(poses["skeleton"]),
        0,
        np.array(poses["frame"], np.int32),
        np.array(poses["time_s"], np.float64),
        _read(poses["xy"], np.float32),
        _read(poses["confidence"], np.float32),
        np.array(poses["state"], np.uint8),
        None if poses["z"] is None else _read(poses["z"], np.float32),
    )
    windows, inputs, logits, probabilities = (_read(fields[name], np.float32) for name in _ARRAYS[1:])
    return GoldenClip(
        fields["name"],
        fields["activity"],
        track,
        (poses["width_px"], poses["height_px"]),
        _read(fields["spans"], np.float64),
        windows,
        inputs,
        logits,
        probabilities,
        fields["verdict"],
        fields["timeline"],
    )


def _array(values: NDArray[np.floating]) -> dict[str, Any]:
    """Numbers in the shortest digits that read back to the same ones."""
    flat = [None if value != value else float(str(value)) for value in values.ravel()]
    return {"shape": list(values.shape), "values": flat}


def _read(fields: dict[str, Any], dtype: type[np.floating]) -> NDArray[Any]:
    flat = np.array([np.nan if value is None else value for value in fields["values"]], np.float64)
    return flat.reshape(fields["shape"]).astype(dtype)
