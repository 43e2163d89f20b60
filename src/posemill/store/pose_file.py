"""Pose files: everybody found in a stretch of frames, before anybody is followed.

Parquet, one row a frame that was looked at: `frame` int32, `time_s` float64, and the poses in it one after the other:
`person_confidence` list of float64 (one a pose), `xy` list of float32 (2K a pose: x then y, keypoint by keypoint),
`confidence` list of float32 (K a pose). NaN is unseen. The schema's metadata has key `posemill`: JSON with `skeleton`,
`medium`, `fingerprint`, `start`, `end`, `width_px`, `height_px`, `duration_s`. A column `z` list of float32 more (K a
pose) where the pose labeller gives depth, and a column `hinted` bool where in some frames only the regions of people
were searched (region propagation).
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from posemill.errors import InputError, SkeletonError
from posemill.pose.skeleton import Skeleton, skeleton
from posemill.store.track_file import open_parquet, read_rows

_KEY = b"posemill"
_ABOUT = ("medium", "fingerprint", "start", "end", "width_px", "height_px", "duration_s")
_DEPTH = pa.field("z", pa.list_(pa.float32()))
_PROPAGATED = pa.field("hinted", pa.bool_())  # the column's name in files since the first version
_SCHEMA = pa.schema(
    [
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("person_confidence", pa.list_(pa.float64())),
        ("xy", pa.list_(pa.float32())),
        ("confidence", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class ChunkPoses:
    """Poses of the frames start <= frame < end of a medium (end None: to its end) by one pose labeller.

    frame              (F,) int32, numbers of the frames looked at, strictly increasing.
    time_s             (F,) float64, seconds from the medium's first frame.
    people             (F,) int32, poses in each frame; N is their sum.
    person_confidence  (N,) float64, 0..1.
    xy                 (N, K, 2) float32, pixels, origin top-left; NaN = not seen.
    confidence         (N, K) float32, 0..1; 0 where not seen.
    width_px, height_px, duration_s  of the whole medium.
    propagated         (F,) bool, frames in which only the regions of people were searched; None: none.
    z                  (N, K) float32, depth in pixels; NaN where not seen; None: 2-D.
    """

    medium: str
    fingerprint: str
    start: int
    end: int | None
    skeleton: Skeleton
    width_px: int
    height_px: int
    duration_s: float
    frame: NDArray[np.int32]
    time_s: NDArray[np.float64]
    people: NDArray[np.int32]
    person_confidence: NDArray[np.float64]
    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    propagated: NDArray[np.bool_] | None = None
    z: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        f, n, k = len(self.frame), int(self.people.sum()), len(self.skeleton)
        wanted = {
            "time_s": (f,),
            "people": (f,),
            "person_confidence": (n,),
            "xy": (n, k, 2),
            "confidence": (n, k),
        } | ({} if self.z is None else {"z": (n, k)})
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise SkeletonError(
                    f"poses of {self.medium[:12]}: {name} should be {shape} for skeleton {self.skeleton.name}, "
                    f"came as {getattr(self, name).shape}"
                )
        if self.propagated is not None and self.propagated.shape != (f,):
            raise SkeletonError(
                f"poses of {self.medium[:12]}: propagated should be {(f,)}, came as {self.propagated.shape}"
            )
        last = np.inf if self.end is None else self.end
        if f and not (self.frame[0] >= self.start and self.frame[-1] < last and (np.diff(self.frame) > 0).all()):
            raise SkeletonError(f"poses of {self.medium[:12]}: frames must increase within {self.start}..{self.end}")


def chunk_bytes(chunk: ChunkPoses) -> bytes:
    """The pose file of a chunk. Equal poses are equal bytes (with one version of pyarrow)."""
    k = len(chunk.skeleton)
    offsets = np.concatenate([[0], np.cumsum(chunk.people)]).astype(np.int32)

    def lists(values: NDArray[Any], each: int) -> pa.ListArray:
        return pa.ListArray.from_arrays(pa.array(offsets * each, pa.int32()), pa.array(values.reshape(-1)))

    columns = [
        pa.array(chunk.frame),
        pa.array(chunk.time_s),
        lists(chunk.person_confidence, 1),
        lists(chunk.xy, 2 * k),
        lists(chunk.confidence, k),
    ]
    schema = _SCHEMA
    if chunk.z is not None:
        columns, schema = [*columns, lists(chunk.z, k)], schema.append(_DEPTH)
    if chunk.propagated is not None and chunk.propagated.any():
        columns, schema = [*columns, pa.array(chunk.propagated)], schema.append(_PROPAGATED)
    about = {"skeleton": chunk.skeleton.name} | {name: getattr(chunk, name) for name in _ABOUT}
    table = pa.Table.from_arrays(columns, schema=schema.with_metadata({_KEY: json.dumps(about, sort_keys=True)}))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def chunk_from(content: bytes, where: str) -> ChunkPoses:
    """Read a pose file; `where` is for the message. Errors: InputError when it is not one."""
    file = open_parquet(io.BytesIO(content), where)
    raw = (file.schema_arrow.metadata or {}).get(_KEY)
    names = file.schema_arrow.names
    more = [field.name for field in (_DEPTH, _PROPAGATED) if field.name in names]
    if raw is None or names != [*_SCHEMA.names, *more]:
        raise InputError(f"{where} is no pose file: its columns are {', '.join(names)}")
    about = json.loads(raw)
    pose_skeleton = skeleton(about["skeleton"])
    table = read_rows(file, where).combine_chunks()
    person_confidence = table.column("person_confidence").combine_chunks()
    k = len(pose_skeleton)

    def lists(name: str) -> NDArray[Any]:
        return _flat(table.column(name).combine_chunks().flatten(), np.float32)

    return ChunkPoses(
        skeleton=pose_skeleton,
        **{name: about[name] for name in _ABOUT},
        frame=table.column("frame").to_numpy(),
        time_s=table.column("time_s").to_numpy(),
        people=np.diff(_flat(person_confidence.offsets, np.int32)),
        person_confidence=_flat(person_confidence.flatten(), np.float64),
        xy=lists("xy").reshape(-1, k, 2),
        confidence=lists("confidence").reshape(-1, k),
        propagated=_flat(table.column(_PROPAGATED.name), np.bool_) if _PROPAGATED.name in names else None,
        z=lists(_DEPTH.name).reshape(-1, k) if _DEPTH.name in names else None,
    )


def propagated_in(content: bytes, where: str) -> int:
    """Number of frames that were searched by region propagation; no pose is read.

    Errors: InputError when it is no Parquet file.
    """
    file = open_parquet(io.BytesIO(content), where)
    if _PROPAGATED.name not in file.schema_arrow.names:
        return 0
    return int(_flat(read_rows(file, where, [_PROPAGATED.name]).column(0), np.bool_).sum())


def _flat(values: Any, dtype: type) -> NDArray[Any]:
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype)
