"""ONNX files of others, checked before a runtime opens them: what a runtime would fetch, loop over or allocate.

A model file names other files for its weights, declares shapes that its bytes do not fill, and holds loops. The file is
walked here by the wire format of Protocol Buffers, with the field numbers of onnx.proto, and no value is copied:
neither the package onnx nor protobuf is in the service's image, and both would build the whole model first. Where a
field comes twice, every one of them is checked: readers of the format take the last one, or put them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

from posemill.errors import CheckpointError
from posemill.untrusted import reason, untrusted

MAX_BYTES = 2**31 - 1  # of any message in Protocol Buffers
MAX_NODES = 100_000
MAX_FIELDS = 5_000_000  # of all messages; numbers are packed, so that a tensor has few
MAX_DEPTH = 16  # of graphs in attributes of nodes
MAX_DIMENSION = 2**31 - 1
DOMAINS = frozenset(["", "ai.onnx", "com.microsoft"])  # operators that come with ONNX and ONNX Runtime
LOOPS = frozenset(["Loop", "Scan", "SequenceMap"])
_EXTERNAL = 1  # TensorProto.DataLocation


class Field(NamedTuple):
    """A field of a message: its number, and its value as an integer or as bytes."""

    number: int
    value: int | memoryview

    @property
    def content(self) -> memoryview:
        """The bytes of a field that has some. Errors: ValueError."""
        if isinstance(self.value, int):
            raise ValueError(f"field {self.number} should have a length")
        return self.value

    @property
    def text(self) -> str:
        """The bytes as UTF-8."""
        return bytes(self.content).decode()


def read_network(path: Path, *, chosen: bool = False) -> bytes:
    """Return the bytes of an ONNX file that keeps to itself, so that what is opened is what was checked.

    Args:
        path: the file.
        chosen: a user chose this very file, as a labeller's checkpoint: loops and functions are taken, which run for as
            long and grow as large as the file says, and data in a file beside it.

    Raises:
        CheckpointError: the file is none, or has external data, operators of other domains, tensors
            whose shapes are not those of their bytes, loops or functions.
    """
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(f"{path} has {path.stat().st_size >> 20} MiB: an ONNX file has 2 GiB at most")
    content = path.read_bytes()
    with untrusted(str(path), CheckpointError):
        try:
            _Check(path, chosen).model(memoryview(content))
        except CheckpointError:
            raise
        except (ValueError, IndexError) as exc:  # not even Protocol Buffers
            raise CheckpointError(f"{path} is no ONNX file, or a damaged one: {reason(exc)}") from exc
    return content


class _Check:
    """One walk over a model."""

    def __init__(self, path: Path, chosen: bool) -> None:
        self.path, self.chosen, self.nodes, self.fields = path, chosen, 0, 0
        self.domains = set(DOMAINS)

    def model(self, message: memoryview) -> None:
        """ModelProto: the graph (7), functions of its own (25), training (20)."""
        fields = list(self._fields(message))
        functions = [field.content for field in fields if field.number == 25]
        if functions and not self.chosen:
            raise self._refused("it defines functions, which can grow without end, and no network here has one")
        for function in functions:  # nodes may have the domain of a function that is in the file
            self.domains |= {field.text for field in self._fields(function) if field.number == 10}
        for function in functions:
            self._nodes([field.content for field in self._fields(function) if field.number == 7], 0)
            for field in self._fields(function):
                if field.number == 11:
                    self._attribute(field.content, 0)
        graphs = [field.content for field in fields if field.number == 7]
        if len(graphs) != 1:
            raise self._refused(f"it has {len(graphs)} graphs, and a network has one")
        if any(field.number == 20 for field in fields):
            raise self._refused("it holds a training graph, which a network does not need")
        self._graph(graphs[0], 0)

    def _graph(self, message: memoryview, depth: int) -> None:
        """GraphProto: nodes (1), tensors (5), sparse tensors (15), and declared values (11, 12, 13)."""
        if depth > MAX_DEPTH:
            raise self._refused(f"graphs lie within graphs more than {MAX_DEPTH} deep")
        fields = list(self._fields(message))
        self._nodes([field.content for field in fields if field.number == 1], depth)
        for field in fields:
            if field.number == 5:
                self._tensor(field.content)
            elif field.number == 15:
                self._sparse(field.content)
            elif field.number in (11, 12, 13):
                self._declared(field.content)

    def _nodes(self, messages: list[memoryview], depth: int) -> None:
        self.nodes += len(messages)
        if self.nodes > MAX_NODES:
            raise self._refused(f"it has more than {MAX_NODES:,} operators")
        for message in messages:
            self._node(message, depth)

    def _node(self, message: memoryview, depth: int) -> None:
        """NodeProto: operator (4), attributes (5), domain (7)."""
        fields = list(self._fields(message))
        operators = {field.text for field in fields if field.number == 4}
        shown = " ".join(sorted(operators))[:60]
        for domain in {field.text for field in fields if field.number == 7} - self.domains:
            raise self._refused(f"the operator {shown!r} is of the domain {domain[:60]!r}, which is not known")
        if operators & LOOPS and not self.chosen:
            raise self._refused(
                f"the operator {shown!r} runs for as long as the file says, and no network here has one"
            )
        for field in fields:
            if field.number == 5:
                self._attribute(field.content, depth)

    def _attribute(self, message: memoryview, depth: int) -> None:
        """AttributeProto: a tensor (5, 10), a graph (6, 11), a sparse tensor (22, 23)."""
        for field in self._fields(message):
            if field.number in (5, 10):
                self._tensor(field.content)
            elif field.number in (6, 11):
                self._graph(field.content, depth + 1)
            elif field.number in (22, 23):
                self._sparse(field.content)

    def _tensor(self, message: memoryview) -> None:
        """TensorProto: dimensions (1), name (8), external data (13), where its data are (14)."""
        fields = list(self._fields(message))
        name = "".join(field.text for field in fields if field.number == 8)[:60]
        if any(field.number == 13 or (field.number == 14 and field.value == _EXTERNAL) for field in fields):
            self._external([field.content for field in fields if field.number == 13], name)
            self._dimensions(fields, name)
            return
        dimensions = self._dimensions(fields, name)
        if prod(dimensions) > 8 * len(message):  # a bit an element is the least
            raise self._refused(f"the tensor {name!r} of shape {dimensions} has {len(message)} bytes: it is cut")

    def _external(self, entries: list[memoryview], name: str) -> None:
        """StringStringEntryProto: key (1), value (2). Of all entries, since readers differ in which one they take."""
        if not self.chosen:
            raise self._refused(
                f"the tensor {name!r} has its data in another file, which no digest of this one covers: put all data "
                "into the one file (onnx.save_model with save_as_external_data=False)"
            )
        for entry in entries:
            fields = list(self._fields(entry))
            if "location" not in {field.text for field in fields if field.number == 1}:
                continue
            for place in {field.text for field in fields if field.number == 2}:
                beside = self.path.parent / place
                if place != Path(place).name or beside.is_symlink() or not beside.is_file():
                    raise self._refused(
                        f"the data of the tensor {name!r} should be in a file beside it, not in {place!r}"
                    )

    def _sparse(self, message: memoryview) -> None:
        """SparseTensorProto: values (1), indices (2), dimensions (3). It is made dense when it is read."""
        fields = list(self._fields(message))
        for field in fields:
            if field.number in (1, 2):
                self._tensor(field.content)
        dimensions = self._dimensions(fields, "sparse", number=3)
        if prod(dimensions) > MAX_DIMENSION // 8:
            raise self._refused(f"a sparse tensor has the shape {dimensions}")

    def _declared(self, message: memoryview) -> None:
        """ValueInfoProto: type (2) → tensor (1) → shape (2) → dimensions (1) → value (1)."""
        parts = [message]
        for number in (2, 1, 2, 1):
            parts = [field.content for part in parts for field in self._fields(part) if field.number == number]
        for part in parts:
            self._dimensions([field for field in self._fields(part) if field.number == 1], "a declared value")

    def _dimensions(self, fields: list[Field], name: str, number: int = 1) -> list[int]:
        """Repeated integers, packed or not."""
        found: list[int] = []
        for field in fields:
            if field.number == number:
                found += [field.value] if isinstance(field.value, int) else _integers(field.value)
            if len(found) > 64:
                raise self._refused(f"{name!r} has more than 64 dimensions")
        if wrong := [each for each in found if not 0 <= each <= MAX_DIMENSION]:
            raise self._refused(f"{name!r} has a dimension of {_signed(wrong[0])}")
        return found

    def _fields(self, message: memoryview) -> Iterator[Field]:
        """Yield the fields of a message, as long as the file has no more of them than a network."""
        for field in _fields(message):
            self.fields += 1
            if self.fields > MAX_FIELDS:
                raise self._refused(f"it has more than {MAX_FIELDS:,} fields")
            yield field

    def _refused(self, why: str) -> CheckpointError:
        return CheckpointError(f"{self.path} is not opened: {why}")


def _fields(message: memoryview) -> Iterator[Field]:
    """Yield the fields of a message. Errors: ValueError for what is none."""
    place, end = 0, len(message)
    while place < end:
        key, place = _integer(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _integer(message, place)
            yield Field(number, value)
            continue
        if kind == 2:
            length, place = _integer(message, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field of the kind {kind} is in no ONNX file")
        if length > end - place:
            raise ValueError("it ends within a field")
        yield Field(number, message[place : place + length])
        place += length


def _integer(message: memoryview, place: int) -> tuple[int, int]:
    """Return a variable-length integer, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError("it ends within a number")
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), place
    raise ValueError("a number has more than ten bytes")


def _integers(message: memoryview) -> list[int]:
    found, place = list[int](), 0
    while place < len(message) and len(found) <= 64:
        value, place = _integer(message, place)
        found.append(value)
    return found


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value
