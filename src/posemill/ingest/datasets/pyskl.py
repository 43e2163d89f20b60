"""PYSKL's annotation files: one pickle of `annotations` and `split`. Nothing in it is run.

An annotation has keypoint [M, T, V, 2] in pixels, or [M, T, V, 3] in metres (NTU RGB+D's), which a virtual camera
projects, or lays into its picture with their depth kept; [M, T, V, 3] of x, y and a confidence is refused. What was not
found (pose/unseen.py: 0, 0 or negative, with keypoint_score 0 or without one) is not seen. Kinect's 25 keypoints in
pixels are in its mirrored picture: left and right are exchanged, unless posemill wrote the file. Labels are
numbers: their names come from the file where posemill wrote it (`classes`), else from a list that must be given, such
as PYSKL's own label maps. `fps` in an annotation is its frame rate.

The subject is what `subject` (a regular expression) finds in frame_dir, the performer where that is a name of NTU
RGB+D's, the medium where posemill wrote the file, else the annotation alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Ordered
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError, SkeletonError
from posemill.formats.pyskl import NO_ACTIVITY, read_pyskl, tracks_of
from posemill.ingest.datasets import ntu
from posemill.ingest.datasets.split import official_split
from posemill.ingest.projection import VirtualCamera
from posemill.ingest.sequence import LABELLER, Fault, Sequence, SequenceStream, medium_tracks, named_group
from posemill.pose.skeleton import COCO_17, H36M_17, JHMDB_15, KINECT_20, NTU_25, OPENNI_15, PENN_13, Skeleton
from posemill.pose.track import MediumTracks, PoseTrack
from posemill.pose.units import check_confidence, check_in_picture, check_metres, check_pixels
from posemill.pose.unseen import not_found
from posemill.untrusted import untrusted, untrusted_stream

_IN_PIXELS, _IN_METRES = (
    {len(skeleton): skeleton for skeleton in known}
    for known in ((COCO_17, NTU_25, KINECT_20, JHMDB_15, PENN_13), (H36M_17, NTU_25, KINECT_20, OPENNI_15))
)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Options for reading the annotations of a file.

    skeleton  None = by the number of keypoints: in pixels coco-17, ntu-25, kinect-20, jhmdb-15, penn-13, in metres
              h36m-17, ntu-25, kinect-20, openni-15.
    subject   regular expression whose groups in frame_dir name the subject.
    camera    for keypoints in metres.
    mirrored  the pictures are mirrored, so that left and right are exchanged in them; None = where Kinect took them.
    camera_of, setup_of  like subject, for the camera and the set-up.
    """

    dataset: str
    fps: float = 30.0
    classes: Ordered[str] | None = None
    skeleton: Skeleton | None = None
    subject: str | None = None
    camera: VirtualCamera = field(default_factory=VirtualCamera)
    mirrored: bool | None = None
    camera_of: str | None = None


@untrusted_stream
def sequences(path: Path, options: ReadOptions, *, split: str | None = None) -> SequenceStream:
    """Read every annotation of a file. split: see datasets/split.py.

    Errors: InputError when it is no such file, or when nobody says what the labels mean or which lists are the split.
    """
    content = read_pyskl(path)
    classes = options.classes or content.get("classes")
    if not classes:
        raise InputError(f"{path} has labels without names: give --classes, one activity a line in their order")
    options = replace(options, classes=[str(name) for name in classes])
    lists = content.get("split") or {}
    if not isinstance(lists, Mapping) or not all(isinstance(names, list | tuple) for names in lists.values()):
        raise InputError(f"{path}: `split` should be a dictionary of lists of names, came {type(lists).__name__}")
    sides = official_split(lists, split, str(path))
    names = {str(a.get("frame_dir")) for a in content["annotations"] if isinstance(a, Mapping)}
    if sides and names and not names & set(sides):
        raise InputError(
            f"{path}: no annotation is in the lists of the split, whose names are such as {min(sides)!r}; frame_dir is "
            f"such as {min(names)!r}: make them alike, or give --split none"
        )
    for number, annotation in enumerate(content["annotations"]):
        name = str(annotation.get("frame_dir", number)) if isinstance(annotation, Mapping) else str(number)
        try:
            with untrusted(f"{name} is no annotation of PYSKL's, it"):
                sequence = parse(name, annotation, options, sides.get(name))
        except InputError as exc:
            yield Fault(name, str(exc))
        else:
            yield sequence


def parse(name: str, annotation: Mapping[str, Any], options: ReadOptions, split: str | None = None) -> Sequence:
    """Parse one annotation. Errors: InputError with the name and what is wrong with it."""
    if split == "both":
        raise InputError(f"{name} is in the lists of training and of test")
    tracks = _tracks(name, annotation, options)
    ntu_name = ntu.NAME.fullmatch(name)
    known = f"P{ntu_name[3]}" if ntu_name else annotation.get("medium")
    subject = named_group(options.subject, name) or known
    return Sequence(
        name,
        _activity(name, annotation["label"], options.classes or ()),
        split,
        tracks,
        subject=None if subject is None else f"{options.dataset}/{subject}",
        camera=named_group(options.camera_of, name) or (f"C{ntu_name[2]}" if ntu_name else None),
    )


def _tracks(name: str, annotation: Mapping[str, Any], options: ReadOptions) -> MediumTracks:
    keypoint = np.asarray(annotation["keypoint"], np.float32)
    if keypoint.ndim != 4 or keypoint.shape[3] not in (2, 3):
        raise InputError(f"{name}: expected keypoint [M, T, V, 2] or [M, T, V, 3], came {keypoint.shape}")
    skeleton = options.skeleton or (_IN_PIXELS if keypoint.shape[3] == 2 else _IN_METRES).get(keypoint.shape[2])
    if skeleton is None:
        raise InputError(f"{name}: {keypoint.shape[2]} keypoints are of no known skeleton: give --skeleton")
    if len(skeleton) != keypoint.shape[2]:
        raise InputError(f"{name}: {skeleton.name} has {len(skeleton)} keypoints, came {keypoint.shape[2]}")
    frames = annotation.get("total_frames")
    if frames is not None and int(frames) != keypoint.shape[1]:
        swapped = ": it looks like [T, M, V, C]" if keypoint.shape[0] == int(frames) else ""
        raise InputError(
            f"{name}: expected keypoint [M, T, V, C] with T = total_frames = {frames}, came {keypoint.shape}{swapped}"
        )
    if not np.isfinite(keypoint).all():
        raise InputError(f"{name}: a keypoint has no finite position")
    plain = dict(annotation) | {"keypoint": keypoint, "frame_dir": name}
    options = replace(options, fps=float(annotation.get("fps") or options.fps))
    if annotation.get("keypoint_score") is not None:
        check_confidence(name, np.nan_to_num(np.asarray(annotation["keypoint_score"], np.float32)))
    else:
        plain["keypoint_score"] = (~not_found(keypoint)).astype(np.float32)
    if keypoint.shape[3] == 3:
        return _project_metres(name, keypoint, plain["keypoint_score"], skeleton, options, "img_shape" in annotation)
    if "img_shape" not in plain:
        raise InputError(f"{name} does not say how large the picture is (img_shape: height, width)")
    try:
        tracks = tracks_of(plain, skeleton, options.fps)
    except SkeletonError as exc:
        raise InputError(f"{name}: {exc}") from exc
    for track in tracks.tracks:
        check_pixels(name, track.xy)
    check_in_picture(name, tracks)
    if options.mirrored or (options.mirrored is None and skeleton == NTU_25 and "medium" not in annotation):
        tracks = replace(tracks, tracks=tuple(_exchanged(track) for track in tracks.tracks))
    return replace(tracks, medium=f"{options.dataset}/{name}", labeller=LABELLER)


def _exchanged(track: PoseTrack) -> PoseTrack:
    """The track with left and right exchanged, as they are in a mirrored picture."""
    flip = track.skeleton.flip_index
    return replace(track, xy=track.xy[:, flip], confidence=track.confidence[:, flip])


def _project_metres(
    name: str, keypoint: Any, score: Any, skeleton: Skeleton, options: ReadOptions, in_picture: bool
) -> MediumTracks:
    """Project metres into pixels of the camera's picture. in_picture: the annotation says how large its picture is."""
    score, camera = np.asarray(score, np.float32), options.camera
    if score.shape != keypoint.shape[:3]:
        raise InputError(f"{name}: expected keypoint_score {list(keypoint.shape[:3])}, came {list(score.shape)}")
    seen = ~not_found(keypoint) & (score > 0)
    metres = np.where(seen[..., None], keypoint, np.nan)
    shares = seen.any() and keypoint[seen].min() >= 0 and keypoint[seen].max() <= 1
    if shares and (in_picture or camera.depth == "project"):  # nobody stands in a cube of a metre beside the camera
        raise InputError(
            f"{name}: x and y are shares of the picture and the third value is a confidence, expected x, y, z in "
            "metres: give keypoint [M, T, V, 2] in pixels and keypoint_score [M, T, V]"
        )
    check_metres(name, metres, any_unit=camera.depth == "keep")
    xy, z = camera.see(metres)
    size = (camera.width_px, camera.height_px)
    return medium_tracks(f"{options.dataset}/{name}", skeleton, size, options.fps, xy, score, z)


def _activity(name: str, given: Any, classes: Ordered[str]) -> str | None:
    label = int(given)
    if label != float(given):
        raise InputError(f"{name}: label {given} is no whole number")
    if label == NO_ACTIVITY:
        return None
    if not 0 <= label < len(classes):
        raise InputError(f"{name}: unknown class {label}: there are {len(classes)}, from 0")
    return classes[label]
