"""JHMDB's joint files: 928 MATLAB files, one a clip, 15 keypoints, with class and three official splits.

`joint_positions/<class>/<clip>/joint_positions.mat` holds `pos_img` (2, 15, frames), pixels of a picture of 320 x 240;
`splits/<class>_test_split1.txt` says `<clip>.avi 1` for training and 2 for test. All keypoints are always there, those
that are hidden or outside the picture too: annotators fitted a puppet. Left and right are taken as they are named.

Clips are pieces of films and of videos from the internet. Who is in them is not said; the name's part up to the class
is the source video, which the authors keep on one side of a split within each class, so both together are the subject.
The frame rate is not given; 30 per second is assumed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posemill.errors import InputError
from posemill.ingest.datasets.mat_file import read_arrays
from posemill.ingest.sequence import Fault, Sequence, SequenceStream, medium_tracks
from posemill.pose.skeleton import JHMDB_15
from posemill.text_file import read_text
from posemill.untrusted import reason, untrusted_stream

DATASET = "jhmdb"
ASSUMED_FPS = 30.0
SIZE_PX = (320, 240)
_FILE = "joint_positions.mat"
_SPLIT = {"1": "train", "2": "test"}


def count(path: Path) -> int:
    """Number of clips, for a progress bar."""
    return len(_files(path))


@untrusted_stream
def sequences(path: Path, *, split: int | None = 1, fps: float = ASSUMED_FPS) -> SequenceStream:
    """Read every clip under JHMDB's folder. split: 1, 2 or 3; None = leave the official splits out.

    Errors: InputError when there is no joint file, or no list of that split.
    """
    files = _files(path)
    if not files:
        raise InputError(f"{path} holds no JHMDB joints: expected joint_positions/<class>/<clip>/{_FILE}")
    sides = _splits(path, split)
    for file in files:
        activity, clip = file.parts[-3], file.parts[-2]
        name = f"{activity}/{clip}"
        if split is not None and activity not in sides:
            yield Fault(name, f"unknown class {activity!r}: there is no splits/{activity}_test_split{split}.txt")
        elif split is not None and clip not in sides[activity]:
            yield Fault(name, f"splits/{activity}_test_split{split}.txt does not list it")
        else:
            try:
                yield parse(name, file.read_bytes(), sides[activity][clip] if split is not None else None, fps)
            except InputError as exc:
                yield Fault(name, str(exc))


def parse(name: str, content: bytes, split: str | None = None, fps: float = ASSUMED_FPS) -> Sequence:
    """Parse one joint file; name: class/clip. Errors: InputError with the name and what is wrong with it."""
    try:
        position = np.asarray(read_arrays(content, ("pos_img",))["pos_img"], np.float64)
    except (InputError, KeyError, ValueError) as exc:
        raise InputError(f"{name} is no JHMDB joint file: {reason(exc)}") from exc
    position = position[..., None] if position.ndim == 2 else position  # MATLAB drops the last axis of one frame
    if position.ndim != 3 or position.shape[:2] != (2, len(JHMDB_15)):
        raise InputError(f"{name}: pos_img should be (2, {len(JHMDB_15)}, frames), came {position.shape}")
    if not np.isfinite(position).all():
        raise InputError(f"{name}: a keypoint has no finite position")
    xy = position.transpose(2, 1, 0)[None]
    tracks = medium_tracks(f"{DATASET}/{name}", JHMDB_15, SIZE_PX, fps, xy, np.ones(xy.shape[:3]))
    activity, clip = name.split("/")
    video = clip.partition(f"_{activity}_")[0]
    return Sequence(name, activity, split, tracks, subject=f"{DATASET}/{activity}/{video}", source=f"{name}/{_FILE}")


def _files(path: Path) -> list[Path]:
    folder = path / "joint_positions" if (path / "joint_positions").is_dir() else path
    return sorted(folder.glob(f"*/*/{_FILE}"))


def _splits(path: Path, split: int | None) -> dict[str, dict[str, str]]:
    """class → clip → `train` or `test`."""
    if split is None:
        return {}
    folder = next((f / "splits" for f in (path, path.parent) if (f / "splits").is_dir()), path / "splits")
    ending = f"_test_split{split}.txt"
    lists = {file.name.removesuffix(ending): file for file in sorted(folder.glob(f"*{ending}"))}
    if not lists:
        raise InputError(f"{folder} holds no *{ending}: put JHMDB's splits there, or give --split none")
    return {activity: _listed(file) for activity, file in lists.items()}


def _listed(file: Path) -> dict[str, str]:
    sides = {}
    for number, line in enumerate(read_text(file).splitlines(), 1):
        words = line.split()
        if words and (len(words) != 2 or words[1] not in ("0", *_SPLIT)):
            raise InputError(f"{file}, line {number}: expected a clip and 1 (training) or 2 (test), came {line!r}")
        if words and words[1] in _SPLIT:
            sides[words[0].removesuffix(".avi")] = _SPLIT[words[1]]
    return sides
