"""BVH, the motion file of animation tools: a hierarchy of joints with offsets, and their rotations frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posemill.applications.mocap.files.tables import Floats, number, read_lines
from posemill.atomic import write_text
from posemill.errors import InputError

END = "_end"  # added to the name of a joint: the end of its bone


@dataclass(frozen=True, slots=True, eq=False)
class Hierarchy:
    """Joints of a BVH file, parents before children; end sites are joints without channels.

    names     of the joints; an end site is called <parent>_end.
    parents   number of each joint's parent, -1 of a root.
    offsets   (J, 3) from the parent, in the file's unit of length.
    channels  names of each joint's channels, such as Zrotation, in the order of the file.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Floats
    channels: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class BvhMotion:
    """A hierarchy in motion. values (T, C) degrees and lengths, by joint and channel; frame_s seconds a frame."""

    hierarchy: Hierarchy
    values: Floats
    frame_s: float

    def positions(self) -> Floats:
        """Forward kinematics: the position (T, J, 3) of every joint and end site, in the file's unit of length."""
        tree, frames = self.hierarchy, len(self.values)
        places, turns = np.zeros((frames, len(tree.names), 3)), np.zeros((frames, len(tree.names), 3, 3))
        column = 0
        for joint, (parent, channels) in enumerate(zip(tree.parents, tree.channels, strict=True)):
            own = self.values[:, column : column + len(channels)]
            column += len(channels)
            shift, turn = _local(channels, own)
            before = np.broadcast_to(np.eye(3), turn.shape) if parent < 0 else turns[:, parent]
            start = 0.0 if parent < 0 else places[:, parent]
            places[:, joint] = start + np.einsum("tij,tj->ti", before, tree.offsets[joint] + shift)
            turns[:, joint] = before @ turn
        return places


def read_bvh(path: Path) -> BvhMotion:
    """Read a BVH file; the frames are counted, whatever the header says.

    Errors: InputError where the hierarchy is broken or a frame has a wrong number of values.
    """
    lines = [line.strip() for line in read_lines(path) if line.strip()]
    motion = next((i for i, line in enumerate(lines) if line.upper().startswith("MOTION")), None)
    if motion is None or not lines[0].upper().startswith("HIERARCHY"):
        raise InputError(f"{path} is no BVH file: it should have HIERARCHY and MOTION")
    tree = _parse(" ".join(lines[1:motion]).replace("{", " { ").replace("}", " } ").split(), path)
    width = sum(map(len, tree.channels))
    frame_s, rows = float("nan"), []
    for line in lines[motion + 1 :]:
        name, _, value = line.partition(":")
        if name.lower().startswith("frame time"):
            frame_s = number(value.strip())
        elif not name.lower().startswith("frames"):
            rows.append([number(cell) for cell in line.split()])
    if wrong := [i for i, row in enumerate(rows) if len(row) != width]:
        raise InputError(f"{path}: frame {wrong[0]} has {len(rows[wrong[0]])} values, its channels are {width}")
    if not frame_s > 0:
        raise InputError(f"{path}: Frame Time should be above zero, came {frame_s}")
    return BvhMotion(tree, np.array(rows, np.float64).reshape(len(rows), width), frame_s)


def write_bvh(path: Path, motion: BvhMotion) -> Path:
    """Write a hierarchy and its motion. Errors: InputError where a value is NaN, which BVH does not have."""
    if not np.isfinite(motion.values).all():
        raise InputError(f"{path}: BVH has no missing values; fill them first")
    tree, root = motion.hierarchy, motion.hierarchy.parents.index(-1)
    first = np.cumsum([0, *map(len, tree.channels)])
    columns = [c for joint in _depth_first(tree, root) for c in range(first[joint], first[joint + 1])]
    lines = ["HIERARCHY", *_written(tree, root, 0), "MOTION", f"Frames: {len(motion.values)}"]
    lines += [f"Frame Time: {motion.frame_s:.8f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in motion.values[:, columns].tolist()]
    write_text(path, "\n".join(lines) + "\n")
    return path


def rotation(axis: str, degrees: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) about the axis X, Y or Z by degrees (...)."""
    at = "XYZ".index(axis)
    b, c = (at + 1) % 3, (at + 2) % 3
    angle = np.radians(degrees)
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., at, at] = 1
    matrix[..., b, b] = matrix[..., c, c] = np.cos(angle)
    matrix[..., b, c], matrix[..., c, b] = -np.sin(angle), np.sin(angle)
    return matrix


def zxy_degrees(matrix: Floats) -> Floats:
    """Decompose rotations (T, 3, 3) into angles (T, 3) about Z, then X, then Y, continuous over time where possible."""
    x = np.arcsin(np.clip(matrix[:, 2, 1], -1, 1))
    z = np.arctan2(-matrix[:, 0, 1], matrix[:, 1, 1])
    y = np.arctan2(-matrix[:, 2, 0], matrix[:, 2, 2])
    return np.asarray(np.degrees(np.unwrap(np.stack([z, x, y], -1), axis=0)))


def _local(channels: Sequence[str], values: Floats) -> tuple[Floats, Floats]:
    shift = np.zeros((len(values), 3))
    turn: Floats = np.broadcast_to(np.eye(3), (len(values), 3, 3))
    for name, column in zip(channels, values.T, strict=True):
        axis = name[0].upper()
        if name.lower().endswith("position"):
            shift[:, "XYZ".index(axis)] += column
        else:
            turn = turn @ rotation(axis, column)
    return shift, turn


def _parse(tokens: list[str], path: Path) -> Hierarchy:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    open_joints: list[int] = []
    at = 0

    def begin(name: str) -> None:
        names.append(name)
        parents.append(open_joints[-1] if open_joints else -1)
        offsets.append([0.0, 0.0, 0.0])
        channels.append(())
        open_joints.append(len(names) - 1)

    try:
        while at < len(tokens):
            word = tokens[at].upper()
            if word in ("ROOT", "JOINT"):
                stop = tokens.index("{", at)
                begin(" ".join(tokens[at + 1 : stop]))
                at = stop + 1
            elif word == "END":
                begin(names[open_joints[-1]] + END)
                at = tokens.index("{", at) + 1
            elif word == "OFFSET":
                offsets[open_joints[-1]] = [number(cell) for cell in tokens[at + 1 : at + 4]]
                at += 4
            elif word == "CHANNELS":
                count = int(tokens[at + 1])
                channels[open_joints[-1]] = tuple(tokens[at + 2 : at + 2 + count])
                at += 2 + count
            elif word == "}":
                open_joints.pop()
                at += 1
            else:
                raise InputError(f"{path}: the hierarchy has {tokens[at]!r} where a joint, offset or channels belong")
    except (IndexError, ValueError) as exc:
        raise InputError(f"{path}: the hierarchy breaks off or has a brace too many") from exc
    if open_joints or not names:
        raise InputError(f"{path}: the hierarchy is not closed")
    return Hierarchy(tuple(names), tuple(parents), np.array(offsets, np.float64), tuple(channels))


def _depth_first(tree: Hierarchy, joint: int) -> list[int]:
    """Joints in the order in which the file has them."""
    children = [child for child, parent in enumerate(tree.parents) if parent == joint]
    return [joint, *(later for child in children for later in _depth_first(tree, child))]


def _written(tree: Hierarchy, joint: int, depth: int) -> list[str]:
    pad = "\t" * depth
    end = not tree.channels[joint]
    kind = "End Site" if end else f"{'JOINT' if depth else 'ROOT'} {tree.names[joint]}"
    lines = [f"{pad}{kind}", f"{pad}{{", f"{pad}\tOFFSET {' '.join(f'{v:.6f}' for v in tree.offsets[joint])}"]
    if not end:
        lines.append(f"{pad}\tCHANNELS {len(tree.channels[joint])} {' '.join(tree.channels[joint])}")
    for child, parent in enumerate(tree.parents):
        if parent == joint:
            lines += _written(tree, child, depth + 1)
    return [*lines, f"{pad}}}"]
