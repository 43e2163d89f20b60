"""OpenSim model (.osim, formats 3 and 4): joints, coordinates and markers, and its forward kinematics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from posemill.applications.mocap.files.tables import Floats
from posemill.applications.mocap.opensim.functions import Function, numbers, parse_function
from posemill.errors import InputError

GROUND = "ground"
LARGEST_FILE = 64 * 1024 * 1024
_X, _Y, _Z = (tuple(row) for row in np.eye(3).tolist())
# rotations and translations of the joints that need no SpatialTransform: axes of their coordinates in order
_SIMPLE: Mapping[str, tuple[Sequence[tuple[float, ...]], Sequence[tuple[float, ...]]]] = {
    "PinJoint": ([_Z], []),
    "SliderJoint": ([], [_X]),
    "UniversalJoint": ([_X, _Y], []),
    "BallJoint": ([_X, _Y, _Z], []),
    "GimbalJoint": ([_X, _Y, _Z], []),
    "PlanarJoint": ([_Z], [_X, _Y]),
    "FreeJoint": ([_X, _Y, _Z], [_X, _Y, _Z]),
    "WeldJoint": ([], []),
}


@dataclass(frozen=True, slots=True)
class Coordinate:
    """Degree of freedom. default, low and high in radians or metres; fixed: it keeps its default; clamped:
    it stays within low and high.
    """

    name: str
    default: float
    low: float
    high: float
    fixed: bool
    clamped: bool
    rotational: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Rotation about, or translation along, a direction by a function of one coordinate (None: a constant)."""

    direction: Floats
    coordinate: int | None
    function: Function
    rotates: bool


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Joint from a parent body to a child body; before and after are the fixed transforms (4, 4) to its frames."""

    name: str
    parent: str
    child: str
    before: Floats
    after: Floats
    axes: tuple[Axis, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Bodies that hang together by joints, parents before children, and markers (body, place in it (3,) metres)."""

    name: str
    coordinates: tuple[Coordinate, ...]
    joints: tuple[Joint, ...]
    markers: Mapping[str, tuple[str, Floats]]

    @property
    def defaults(self) -> Floats:
        """Default values (N,) of the coordinates."""
        return np.array([coordinate.default for coordinate in self.coordinates])

    def transforms(self, values: Floats) -> dict[str, Floats]:
        """Forward kinematics: body name → (..., 4, 4) its frame in the ground, for coordinates (..., N)."""
        frames: dict[str, Floats] = {GROUND: np.broadcast_to(np.eye(4), (*values.shape[:-1], 4, 4))}
        for joint in self.joints:
            frames[joint.child] = frames[joint.parent] @ joint.before @ _moved(joint, values) @ joint.after
        return frames

    def places(self, values: Floats, names: Sequence[str]) -> Floats:
        """Positions (..., M, 3) of markers in the ground, metres, for coordinates (..., N)."""
        frames = self.transforms(values)
        at = []
        for name in names:
            body, place = self.markers[name]
            at.append(frames[body][..., :3, :3] @ place + frames[body][..., :3, 3])
        return np.stack(at, axis=-2)


def read_model(path: Path) -> Model:
    """Read a model. Muscles, contact geometry and constraints between coordinates are left out.

    Errors: InputError where it is no model, or has joints or functions that are not known.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(f"{path}: an OpenSim model of more than {LARGEST_FILE >> 20} MiB is not read")
        text = path.read_bytes()
        if b"<!ENTITY" in text:  # could grow without end
            raise InputError(f"{path}: an OpenSim model declares no entities")
        root = ElementTree.fromstring(text)
    except (OSError, ElementTree.ParseError) as exc:
        raise InputError(f"{path} is no OpenSim model: {exc}") from exc
    model = root.find("Model") if root.tag == "OpenSimDocument" else None
    if model is None:
        raise InputError(f"{path} is no OpenSim model: it has no OpenSimDocument with a Model")
    coordinates: list[Coordinate] = []
    elements = list(model.iterfind("./JointSet/objects/*")) or [
        joint for body in model.iterfind("./BodySet/objects/Body") for joint in body.iterfind("./Joint/*")
    ]
    joints = [_joint(element, _owner(model, element), coordinates) for element in elements]
    return Model(model.get("name", path.stem), tuple(coordinates), tuple(_ordered(joints, path)), _markers(model))


def _owner(model: Element, joint: Element) -> str:
    """Name of the body that a joint is nested in, as format 3 has it."""
    for body in model.iterfind("./BodySet/objects/Body"):
        if joint in list(body.iterfind("./Joint/*")):
            return body.get("name", "")
    return ""


def _joint(element: Element, owner: str, coordinates: list[Coordinate]) -> Joint:
    first = len(coordinates)
    own = element.findall("./coordinates/Coordinate") or element.findall("./CoordinateSet/objects/Coordinate")
    coordinates += [_coordinate(coordinate) for coordinate in own]
    axes = _axes(element, coordinates, first)
    moving = {axis.coordinate: axis.rotates for axis in reversed(axes) if axis.coordinate is not None}
    for number, rotates in moving.items():
        known = coordinates[number]
        coordinates[number] = Coordinate(
            known.name, known.default, known.low, known.high, known.fixed, known.clamped, rotates
        )
    if owner:  # format 3
        before = _transform(element, "location_in_parent", "orientation_in_parent")
        after = _transform(element, "location", "orientation")
        parent = _body(element.findtext("parent_body"))
        return Joint(element.get("name", ""), parent, owner, before, np.asarray(np.linalg.inv(after)), tuple(axes))
    parent, before = _socket(element, "parent")
    child, after = _socket(element, "child")
    return Joint(element.get("name", ""), parent, child, before, np.asarray(np.linalg.inv(after)), tuple(axes))


def _socket(joint: Element, which: str) -> tuple[str, Floats]:
    """Body that a joint's parent or child frame belongs to, and the frame's transform in it."""
    named = _body(joint.findtext(f"socket_{which}_frame") or joint.findtext(f"socket_{which}_frame_connectee_name"))
    for frame in joint.iterfind("./frames/PhysicalOffsetFrame"):
        if frame.get("name") == named:
            body = frame.findtext("socket_parent") or frame.findtext("socket_parent_connectee_name")
            return _body(body), _transform(frame, "translation", "orientation")
    return named, np.eye(4)


def _axes(element: Element, coordinates: Sequence[Coordinate], first: int) -> list[Axis]:
    if element.tag == "CustomJoint":
        return [_axis(axis, coordinates) for axis in element.iterfind("./SpatialTransform/TransformAxis")]
    if element.tag not in _SIMPLE:
        raise InputError(f"OpenSim joint {element.tag} is not known; known are CustomJoint, {', '.join(_SIMPLE)}")
    rotations, translations = _SIMPLE[element.tag]
    kinds = [(direction, True) for direction in rotations] + [(direction, False) for direction in translations]
    return [
        Axis(np.array(direction), first + number, lambda x: x, rotates)
        for number, (direction, rotates) in enumerate(kinds[: len(coordinates) - first])
    ]


def _axis(element: Element, coordinates: Sequence[Coordinate]) -> Axis:
    name = (element.findtext("coordinates") or "").strip()
    known = [coordinate.name for coordinate in coordinates]
    rotates = element.get("name", "").startswith("rotation")
    direction = np.array(numbers(element, "axis"))
    child = next((c for c in element if c.tag not in ("coordinates", "axis", "function")), None)
    if child is None:  # format 3 wraps it
        wrapped = element.find("function")
        child = wrapped[0] if wrapped is not None and len(wrapped) else None
    function: Function = (lambda x: x) if child is None else parse_function(child)
    return Axis(direction / np.linalg.norm(direction), known.index(name) if name in known else None, function, rotates)


def _coordinate(element: Element) -> Coordinate:
    low, high = numbers(element, "range") if element.findtext("range") else (-np.inf, np.inf)
    said = {name: (element.findtext(name) or "").strip().lower() == "true" for name in ("locked", "clamped")}
    default = float(element.findtext("default_value") or 0.0)
    return Coordinate(element.get("name", ""), default, low, high, said["locked"], said["clamped"])


def _moved(joint: Joint, values: Floats) -> Floats:
    """Transform (..., 4, 4) of a joint: rotations one after the other about moving axes, then translations."""
    out = np.broadcast_to(np.eye(4), (*values.shape[:-1], 4, 4)).copy()
    for axis in joint.axes:
        at = np.zeros(values.shape[:-1]) if axis.coordinate is None else values[..., axis.coordinate]
        amount = axis.function(at)
        if axis.rotates:
            out[..., :3, :3] = out[..., :3, :3] @ about(axis.direction, amount)
        else:
            out[..., :3, 3] += axis.direction * amount[..., None]
    return out


def about(direction: Floats, angle: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) about a unit vector (3,) by angles (...) in radians (Rodrigues)."""
    x, y, z = direction
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    return np.asarray(np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross))


def _transform(element: Element, place: str, orientation: str) -> Floats:
    out = np.eye(4)
    if element.findtext(place):
        out[:3, 3] = numbers(element, place)
    if element.findtext(orientation):
        x, y, z = (np.asarray(angle) for angle in numbers(element, orientation))
        turned = about(np.array(_X), x) @ about(np.array(_Y), y) @ about(np.array(_Z), z)
        out[:3, :3] = turned
    return out


def _body(path: str | None) -> str:
    return (path or GROUND).strip().rsplit("/", 1)[-1]


def _ordered(joints: list[Joint], path: Path) -> list[Joint]:
    """Joints with parents before children. Errors: InputError where one hangs on nothing."""
    known, ordered, waiting = {GROUND}, [], list(joints)
    while waiting:
        ready = [joint for joint in waiting if joint.parent in known]
        if not ready:
            raise InputError(f"{path}: joint {waiting[0].name} hangs on {waiting[0].parent!r}, which no joint carries")
        ordered += ready
        known |= {joint.child for joint in ready}
        waiting = [joint for joint in waiting if joint not in ready]
    return ordered


def _markers(model: Element) -> dict[str, tuple[str, Floats]]:
    markers = {}
    for marker in model.iterfind("./MarkerSet/objects/Marker"):
        body = marker.findtext("socket_parent_frame") or marker.findtext("body")
        markers[marker.get("name", "")] = (_body(body), np.array(numbers(marker, "location")))
    return markers
