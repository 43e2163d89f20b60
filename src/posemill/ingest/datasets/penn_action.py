"""Penn Action's keypoint sequences: 2,326 MATLAB files, one a video, with activity and official split.

**Left and right are exchanged on the way in, in every sequence.** Penn's files say `left` for what is the person's
right. That is the viewer's side for a person who faces the camera, and the opposite of it for one seen from behind,
so it is not "the viewer's left" but a constant exchange of names. Measured over all files, by the files' own `pose`:

- front: the keypoint named left has the smaller x in 97 % of the frames; back: in 22 % (jumping jacks, bowling,
  pull-ups seen from behind: in 0 to 8 %), the reverse of what a constant viewer's side would give;
- a person facing the viewer's left turns the left side to the camera: there the keypoints named *right* are the
  visible ones (push-ups: by 68 points), and the other way round for those who face right;
- the wrist that throws, bowls or serves, most people's right one, is the one named left in about 70 %, seen from
  any side.

Hidden keypoints sit near a corner of the picture and are read by their mask alone: they become NaN. The frame rate is
not given; 30 per second is assumed and said so in the dataset's row. There are no subjects: every video is its own.
"""

from __future__ import annotations

import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from posemill.errors import InputError
from posemill.ingest.datasets.mat_file import read_arrays
from posemill.ingest.sequence import Fault, Sequence, SequenceStream
from posemill.pose.skeleton import PENN_13
from posemill.pose.track import MediumTracks, PoseTrack, State
from posemill.untrusted import untrusted

DATASET = "penn-action"
ASSUMED_FPS = 30.0
_NAME = re.compile(r"\d{4}\.mat")
_SPLIT = {1: "train", -1: "test"}


def read_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (name, bytes) of every label file under a folder, or in a .tar.gz of one, by name.

    Errors: InputError when there is none.
    """
    any_file = False
    for name, content in _in_folder(path) if path.is_dir() else _in_archive(path):
        any_file = True
        yield name, content
    if not any_file:
        raise InputError(f"{path} holds no Penn Action labels: expected labels/0001.mat and so on, or labels.tar.gz")


def count_files(path: Path) -> int:
    """Number of label files, for a progress bar."""
    return sum(1 for _ in (_in_folder(path) if path.is_dir() else _in_archive(path)))


def sequences(files: Iterable[tuple[str, bytes]], fps: float = ASSUMED_FPS) -> SequenceStream:
    """Parse the sequences of label files (name, bytes)."""
    for name, content in files:
        try:
            yield parse(name, content, fps)
        except InputError as exc:
            yield Fault(name, str(exc))


def parse(name: str, content: bytes, fps: float = ASSUMED_FPS) -> Sequence:
    """Parse one label file. Errors: InputError with the file's name and what is wrong with it."""
    try:
        raw = read_arrays(content, ("action", "x", "y", "visibility", "dimensions", "train"))
    except InputError as exc:
        raise InputError(f"{name} is no Penn Action label file: {exc}") from exc
    with untrusted(f"{name} is no Penn Action label file, it"):
        return _sequence(name.removesuffix(".mat"), raw, fps)


def _sequence(name: str, raw: dict[str, Any], fps: float) -> Sequence:
    height, width, frames = (int(n) for n in raw["dimensions"][0])
    x, y, seen = (np.asarray(raw[key]) for key in ("x", "y", "visibility"))
    for key, values in (("x", x), ("y", y), ("visibility", seen)):
        if values.shape != (frames, len(PENN_13)):
            raise InputError(f"{name}.mat: {key} should be ({frames}, {len(PENN_13)}), came {values.shape}")
    split = int(raw["train"].item())
    if split not in _SPLIT:
        raise InputError(f"{name}.mat: train should be 1 or -1, came {split}")
    xy = np.stack([x, y], -1).astype(np.float32)
    xy[seen == 0] = np.nan
    if np.isinf(xy).any() or (np.isnan(xy).any(-1) != np.isnan(xy).all(-1)).any():
        raise InputError(f"{name}.mat: a visible keypoint has no finite position")
    xy = xy[:, PENN_13.flip_index]
    tracks = MediumTracks(
        medium=f"{DATASET}/{name}",
        labeller="imported",
        skeleton=PENN_13,
        width_px=width,
        height_px=height,
        frames=frames,
        duration_s=frames / fps,
        tracks=_tracks(xy, fps),
    )
    return Sequence(name, str(raw["action"].item()), _SPLIT[split], tracks, source=f"{name}.mat")


def _tracks(xy: np.ndarray, fps: float) -> tuple[PoseTrack, ...]:
    """The one person: a row for every frame with a visible keypoint. xy (T, 13, 2) float32, NaN = hidden."""
    visible = ~np.isnan(xy[..., 0])
    frame = np.flatnonzero(visible.any(1)).astype(np.int32)
    if not len(frame):
        return ()
    track = PoseTrack(
        skeleton=PENN_13,
        person=0,
        frame=frame,
        time_s=frame / fps,
        xy=xy[frame],
        confidence=visible[frame].astype(np.float32),
        state=np.full(len(frame), State.PREDICTED, np.uint8),
    )
    return (track,)


def _in_folder(path: Path) -> Iterator[tuple[str, bytes]]:
    folder = path / "labels" if (path / "labels").is_dir() else path
    archive = folder / "labels.tar.gz"
    files = sorted(p for p in folder.glob("*.mat") if _NAME.fullmatch(p.name))
    if not files and archive.is_file():
        yield from _in_archive(archive)
    for file in files:
        yield file.name, file.read_bytes()


def _in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Members are read, never unpacked: an archive cannot write anywhere."""
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if member.isfile() and _NAME.fullmatch(Path(member.name).name):
                    stream = archive.extractfile(member)
                    if stream is not None:
                        yield Path(member.name).name, stream.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as exc:
        raise InputError(f"{path} is neither a folder nor a readable .tar.gz: {exc}") from exc
