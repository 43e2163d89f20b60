"""PYSKL's annotation file: a pickle of `annotations` (one a clip, keypoint [M, T, V, 2]) and `split`.

A keypoint that is not seen is 0, 0 with keypoint_score 0. Beside PYSKL's own keys an annotation has `medium`, `frame`
(the T frame numbers), `time_s`, `person` (the M numbers) and the file `classes`, in the order of the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.formats import unpickle
from posemill.formats.entry import Format
from posemill.formats.frames import Instance, LabelledFrame, MediumInfo, tracks_from_frames
from posemill.pose.definition import defined
from posemill.pose.skeleton import COCO_17, SKELETONS, Skeleton
from posemill.pose.track import MediumTracks
from posemill.pose.unseen import not_found

NO_ACTIVITY = -1
NO_SPLIT = "unsplit"


@dataclass(frozen=True, slots=True)
class ClipSpan:
    """Interval of a medium with its activity (None: not labelled) and official split (None: none)."""

    name: str
    start_s: float
    end_s: float
    activity: str | None
    split: str | None


def write_pyskl(path: Path, media: Iterable[tuple[MediumTracks, list[ClipSpan]]]) -> int:
    """Write every clip of every medium (a medium without clips as a whole) as one annotation; returns how many."""
    annotations: list[tuple[dict[str, Any], ClipSpan]] = []
    for tracks, clips in media:
        whole = ClipSpan(tracks.medium, 0.0, float("inf"), None, None)
        annotations += [(_annotation(tracks, clip), clip) for clip in clips or [whole]]
    classes = sorted({clip.activity for _, clip in annotations if clip.activity is not None})
    split: dict[str, list[str]] = {}
    for annotation, clip in annotations:
        annotation["label"] = NO_ACTIVITY if clip.activity is None else classes.index(clip.activity)
        split.setdefault(clip.split or NO_SPLIT, []).append(clip.name)
    content = {"split": split, "annotations": [annotation for annotation, _ in annotations], "classes": classes}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(unpickle.dumps(content))
    return len(annotations)


def _annotation(tracks: MediumTracks, clip: ClipSpan) -> dict[str, Any]:
    frames = tracks.frame_times.between(clip.start_s, clip.end_s)
    people = [part for t in tracks.tracks if len(part := t.between(clip.start_s, clip.end_s))]
    keypoint = np.zeros((len(people), len(frames), len(tracks.skeleton), 2), np.float32)
    score = np.zeros(keypoint.shape[:3], np.float32)
    for m, part in enumerate(people):
        at = np.searchsorted(frames.number, part.frame)
        keypoint[m, at], score[m, at] = np.nan_to_num(part.xy), part.confidence
    size = (int(tracks.height_px), int(tracks.width_px))
    return {
        "frame_dir": clip.name,
        "total_frames": len(frames),
        "img_shape": size,
        "original_shape": size,
        "keypoint": keypoint,
        "keypoint_score": score,
        "medium": tracks.medium,
        "person": [part.person for part in people],
        "frame": frames.number,
        "time_s": frames.time_s,
    }


def read_pyskl(path: Path) -> dict[str, Any]:
    """Read the dictionary of a file, PYSKL's own or ours; nothing in it is run.

    Errors: InputError for anything but plain values and arrays, or without `annotations`.
    """
    content = unpickle.loads(path.read_bytes(), str(path))
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise InputError(f"{path} is no PYSKL file: expected a dictionary with `annotations` and `split`")
    return content


def tracks_of(annotation: Mapping[str, Any], skeleton: Skeleton, fps: float = 30.0) -> MediumTracks:
    """Build the tracks of one annotation; without our own keys frames count from 0 at `fps`, and people from 0.

    Errors: InputError when the arrays are not [M, T, V, 2] and [M, T, V] of that skeleton.
    """
    keypoint = np.asarray(annotation["keypoint"], np.float32)
    score = np.asarray(annotation.get("keypoint_score", np.ones(keypoint.shape[:3])), np.float32)
    if keypoint.ndim != 4 or keypoint.shape[2:] != (len(skeleton), 2) or score.shape != keypoint.shape[:3]:
        raise InputError(
            f"{annotation['frame_dir']}: expected keypoint [M, T, {len(skeleton)}, 2] and keypoint_score [M, T, "
            f"{len(skeleton)}], came {keypoint.shape} and {score.shape}"
        )
    frame = np.asarray(annotation.get("frame", np.arange(keypoint.shape[1])), np.int32)
    time_s = np.asarray(annotation.get("time_s", frame / fps), np.float64)
    seen = ~not_found(keypoint, score)
    xy = np.where(seen[..., None], keypoint, np.float32(np.nan))
    height, width = annotation["img_shape"]
    numbers = annotation.get("person", range(len(keypoint)))
    medium = annotation.get("medium", annotation["frame_dir"])
    frames = [
        LabelledFrame(
            medium,
            int(frame[t]),
            float(time_s[t]),
            width,
            height,
            skeleton,
            tuple(
                Instance(int(number), xy[m, t], np.clip(score[m, t], 0, 1) * seen[m, t])
                for m, number in enumerate(numbers)
                if seen[m, t].any()
            ),
        )
        for t in range(len(frame))
    ]
    end_s = float(time_s[-1]) if len(time_s) else 0.0
    return tracks_from_frames(frames, MediumInfo(medium, width, height, fps, len(frame), end_s + 1 / fps), skeleton)


def _read(path: Path, *, skeleton: Skeleton | str | None = None, fps: float = 30.0) -> list[MediumTracks]:
    annotations = read_pyskl(path)["annotations"]
    return [tracks_of(a, _skeleton(a, skeleton, path), fps) for a in annotations]


def _skeleton(annotation: Mapping[str, Any], skeleton: Skeleton | str | None, path: Path) -> Skeleton:
    """Return the chosen skeleton, or COCO's for 17 keypoints: a file does not name it."""
    if skeleton is not None:
        return defined(skeleton) if isinstance(skeleton, str) else skeleton
    count = np.asarray(annotation["keypoint"]).shape[2]
    if count == len(COCO_17):
        return COCO_17
    fitting = ", ".join(name for name, known in SKELETONS.items() if len(known) == count) or "none that is known"
    raise InputError(f"{path} has {count} keypoints and does not say of which skeleton: give it, such as {fitting}")


def _write(path: Path, media: Sequence[MediumTracks], *, clips: Mapping[str, list[ClipSpan]] | None = None) -> int:
    """clips: of every medium, by its digest."""
    write_pyskl(path, [(tracks, (clips or {}).get(tracks.medium, [])) for tracks in media])
    return 1


FORMATS = (
    Format(
        name="pyskl",
        files="a pickle a skeleton; one annotation a clip",
        missing="0, 0, score 0",
        confidence="`keypoint_score`",
        states="not told apart",
        round_trip="yes, without `state`",
        read=_read,
        write=_write,
        recognize=lambda path: path.is_file() and path.suffix in (".pkl", ".pickle"),
        one_per="skeleton",
        export_name="{skeleton}.pkl",
    ),
)
