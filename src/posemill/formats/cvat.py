"""CVAT XML 1.1: written as `CVAT for images` with a skeleton a person; `CVAT for video` is read as well.

The person's number is the skeleton's attribute `person`, their activity, where one is asked, its attribute `activity`.
A keypoint that is not seen is `outside`; one that is placed, but less sure, is `occluded`, which says nothing when it
comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
from numpy.typing import NDArray

from posemill.errors import InputError
from posemill.formats.entry import Format
from posemill.formats.frames import NOT_SAID, VISIBILITY_THRESHOLD, Annotations, Instance, LabelledFrame
from posemill.pose.skeleton import Skeleton

LARGEST = 1 << 30  # bytes


def write_cvat(
    path: Path,
    frames: Iterable[LabelledFrame],
    skeleton: Skeleton,
    name: str,
    visible_from: float = VISIBILITY_THRESHOLD,
    activities: Sequence[str] = (),
) -> None:
    """Write annotations.xml of a task of these frames' JPEGs: make the task of them, then upload it as annotations.

    activities  that people may be said to do; none = nobody is asked.
    """
    root = Xml.Element("annotations")
    _text(root, "version", "1.1")
    images = list(frames)
    task = Xml.SubElement(Xml.SubElement(root, "meta"), "task")
    for tag, value in (("name", name), ("size", str(len(images))), ("mode", "annotation")):
        _text(task, tag, value)
    _labels(Xml.SubElement(task, "labels"), skeleton, activities)
    for number, picture in enumerate(images):
        image = Xml.SubElement(
            root,
            "image",
            id=str(number),
            name=picture.file_name,
            width=str(picture.width_px),
            height=str(picture.height_px),
        )
        for person in picture.people:
            _skeleton(image, person, skeleton, visible_from, bool(activities))
    Xml.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    Xml.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _labels(labels: Xml.Element, skeleton: Skeleton, activities: Sequence[str]) -> None:
    person = Xml.SubElement(labels, "label")
    _text(person, "name", "person")
    _text(person, "type", "skeleton")
    attributes = Xml.SubElement(person, "attributes")
    _attribute(attributes, "person", "number", "0", ("0", "999", "1"))
    if activities:
        _attribute(attributes, "activity", "select", NOT_SAID, (NOT_SAID, *activities))
    _text(person, "svg", _drawing(skeleton))
    for name in skeleton.keypoints:
        label = Xml.SubElement(labels, "label")
        for tag, value in (("name", name), ("type", "points"), ("attributes", ""), ("parent", "person")):
            _text(label, tag, value)


def _attribute(attributes: Xml.Element, name: str, kind: str, default: str, values: Sequence[str]) -> None:
    attribute = Xml.SubElement(attributes, "attribute")
    for tag, value in (
        ("name", name),
        ("mutable", "False"),
        ("input_type", kind),
        ("default_value", default),
        ("values", "\n".join(values)),
    ):
        _text(attribute, tag, value)


def _drawing(skeleton: Skeleton) -> str:
    """Draw the template that CVAT shows: keypoints on a grid, edges between them, numbered from 1."""
    at = [(10 + 80 * (k % 5) / 4, 10 + 80 * (k // 5) / max((len(skeleton) - 1) // 5, 1)) for k in range(len(skeleton))]
    lines = [
        f'<line x1="{at[a][0]:.1f}" y1="{at[a][1]:.1f}" x2="{at[b][0]:.1f}" y2="{at[b][1]:.1f}" stroke="black" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}" stroke-width="0.5"></line>'
        for a, b in skeleton.edge_index.tolist()
    ]
    circles = [
        f'<circle r="1.5" stroke="black" fill="#b3b3b3" cx="{x:.1f}" cy="{y:.1f}" data-type="element node" '
        f'data-element-id="{k + 1}" data-node-id="{k + 1}" data-label-name="{skeleton.keypoints[k]}"></circle>'
        for k, (x, y) in enumerate(at)
    ]
    return "".join(lines + circles)


def _skeleton(image: Xml.Element, person: Instance, skeleton: Skeleton, visible_from: float, asked: bool) -> None:
    element = Xml.SubElement(image, "skeleton", label="person", source="auto", occluded="0", z_order="0")
    middle = np.nanmean(person.xy, 0) if person.seen.any() else np.zeros(2)
    for k, flag in enumerate(person.visibility(visible_from).tolist()):
        x, y = person.xy[k] if flag else middle  # CVAT wants a place of an outside point too
        Xml.SubElement(
            element,
            "points",
            label=skeleton.keypoints[k],
            source="auto",
            outside=str(int(flag == 0)),
            occluded=str(int(flag == 1)),
            points=f"{x:.3f},{y:.3f}",
        )
    _text(element, "attribute", str(person.person)).set("name", "person")
    if asked:
        _text(element, "attribute", person.activity or NOT_SAID).set("name", "activity")


def _text(parent: Xml.Element, tag: str, value: str) -> Xml.Element:
    element = Xml.SubElement(parent, tag)
    element.text = value
    return element


def read_annotations(path: Path, skeleton: Skeleton) -> Annotations:
    """Read the annotations of an image task (or of a video task, whose source is then `<digest>.mp4`)."""
    root, annotated = _load(path), Annotations(skeleton)
    annotated.check_once(image.get("name", "") for image in root.iter("image"))
    for image in root.iter("image"):
        people = annotated.picture(image.get("name", ""))
        if people is not None:
            annotated.add_size(image.get("name", ""), image.get("width"), image.get("height"))
            for element in image.iter("skeleton"):
                _read(element, _number(element), people, annotated)
                annotated.add_activity(image.get("name", ""), _number(element) or 0, _activity(element))
    tracks = list(root.iter("track"))
    if tracks:
        digest = Path(root.findtext("meta/task/source") or root.findtext("meta/source") or "").stem
        size = next((s for s in root.iter("original_size")), None)
        for track in tracks:
            for element in track.iter("skeleton"):
                if _ended(element):
                    continue
                name = f"{digest}-{int(element.get('frame', -1)):06d}.jpg"
                people = annotated.picture(name)
                if people is not None:
                    if size is not None:
                        annotated.add_size(name, size.findtext("width"), size.findtext("height"))
                    number = _number(track) if _number(element) is None else _number(element)
                    _read(element, number, people, annotated)
                    annotated.add_activity(name, number or 0, _activity(element) or _activity(track))
    return annotated


def _ended(element: Xml.Element) -> bool:
    """True where a track is over: CVAT says so in the frame after its last, which says nothing of that frame."""
    return element.get("outside") == "1" or all(point.get("outside") == "1" for point in element.iter("points"))


def _number(element: Xml.Element) -> int | None:
    text = _value(element, "person")
    return int(text) if text and text.strip().isdigit() else None


def _activity(element: Xml.Element) -> str | None:
    return _value(element, "activity")


def _value(element: Xml.Element, attribute: str) -> str | None:
    return next((a.text for a in element.findall("attribute") if a.get("name") == attribute), None)


def _read(
    element: Xml.Element, number: int | None, people: dict[int, NDArray[np.float32]], annotated: Annotations
) -> None:
    if number is None:
        annotated.faults.append(f"a skeleton {element.get('label')!r} has no attribute `person`")
        return
    keypoints = annotated.add_person(people, number)
    for point in element.iter("points"):
        name = point.get("label", "")
        if name not in annotated.skeleton.keypoints:
            annotated.faults.append(f"skeleton {annotated.skeleton.name} has no keypoint {name!r}")
        elif point.get("outside", "0") == "0":
            keypoints[annotated.skeleton.index(name)] = [
                float(v) for v in point.get("points", "").split(";")[0].split(",")
            ]


def _load(path: Path) -> Xml.Element:
    content = path.read_bytes() if path.stat().st_size < LARGEST else b""
    plain = content.replace(b"\0", b"")  # of UTF-16 too
    if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain or not content:  # entities may grow without end
        raise InputError(f"{path} is no export of CVAT: it is empty, above {LARGEST} bytes, or declares entities")
    try:
        root = Xml.fromstring(content)
    except Xml.ParseError as exc:
        raise InputError(f"{path} is not readable as XML: {exc}") from exc
    if root.tag != "annotations":
        raise InputError(f"{path} is no export of CVAT 1.1: it begins with <{root.tag}>, expected <annotations>")
    return root


FORMATS = (
    Format(
        name="cvat",
        files="`annotations.xml`",
        missing="`outside`",
        confidence="no",
        states="interpolated: `occluded`",
        round_trip="coordinates",
        use_instead="it takes frames with their pictures, use `posemill review`",
    ),
)
