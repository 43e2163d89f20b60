"""The protocol of applications: tracked poses in, frame by frame; typed events and measurements out.

An application is started with the facts of its stream, updated with every frame in order, and finished once. Its
memory is bounded however long the stream is. It sees neither pictures nor files, so a camera, a file, the service, an
edge device and a batch flow run the same object and get the same answers. Importing this file, or an application that
runs on an edge device, needs numpy alone: pydantic checks parameters, where they are chosen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from posemill.applications.activity_model import OpenModel, open_activity_model
from posemill.errors import InputError, validation_faults
from posemill.pose.skeleton import Skeleton

if TYPE_CHECKING:
    from posemill.applications.params import AppParams

Detail = str | float | int | bool | None
_STRICT: Mapping[str, Any] = MappingProxyType({"extra": "forbid"})  # where pydantic reads events and measurements


class Severity(StrEnum):
    """Severity of an event for whoever watches."""

    INFO = "info"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """Facts of a stream that are known before its first frame.

    skeleton          of every pose.
    width_px, height_px  of the upright picture.
    source            name of the file or camera, for messages and reports.
    """

    skeleton: Skeleton
    width_px: int
    height_px: int
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedPose:
    """One person's pose in one frame.

    xy          (K, 2) float32, pixels, origin top-left; NaN = not seen.
    confidence  (K,) float32, 0..1; 0 where not seen.
    z           (K,) float32, depth away from the camera in the unit of x and y, NaN = not seen; None = 2-D.
    """

    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    z: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrackedFrame:
    """The poses of everybody in one frame, by person; a frame without people has none and is reported too.

    frame    number of the frame in the stream, from 0, strictly increasing.
    time_s   seconds from the first frame, strictly increasing; frames need not be evenly spaced.
    people   person number → pose. A person who is not seen in a frame is absent.
    """

    frame: int
    time_s: float
    people: Mapping[int, TrackedPose] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: a fall, a repetition, a correction.

    kind       name within the application, as `fall` or `correction`; its card lists them.
    person     number of the person; None = of the whole scene.
    time_s     when it was reported, the time of the newest frame.
    start_s, end_s  what it is about, seconds from the first frame; end_s None = not ended.
    message    one sentence for people.
    details    further values by name, with units in the names.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    application: str
    kind: str
    person: int | None
    time_s: float
    start_s: float
    end_s: float | None = None
    severity: Severity = Severity.INFO
    message: str
    details: dict[str, Detail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A figure with its unit, of a person over a span of time, with a 95 % interval where one is known.

    name     as `knee_left` or `upper_arm_to_forearm`; unit as `deg`, `m`, `ratio`, `px`.
    value    None = could not be measured; `reason` says why.
    """

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _STRICT

    application: str
    name: str
    person: int | None
    start_s: float
    end_s: float
    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None
    reason: str | None = None
    details: dict[str, Detail] = field(default_factory=dict)


Output = Event | Measurement


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note that an overlay shows at a person (None: of the scene) after a frame.

    text       a few words.
    keypoints  names of keypoints to stress, such as the joint that a correction is about.
    """

    person: int | None
    text: str
    severity: Severity = Severity.INFO
    keypoints: tuple[str, ...] = ()


class ValidatedParams(SimpleNamespace):
    """Parameters that were validated before, such as those of an export; read like the model, without pydantic."""


P = TypeVar("P", bound="AppParams")


class Application(ABC, Generic[P]):
    """A streaming consumer of tracked poses.

    Class attributes: `name` (as the command line has it), `title`, `limits` (what it cannot see, a sentence each, shown
    in its card), `notice` (a sentence that every report carries, or empty), `backend` (the pose backend that suits it,
    of those that are embedded). `open_model` opens a packaged activity model; an edge device sets its own.

    Args:
        params: parameters; None = the defaults.
        **settings: single parameters by name, in place of those of `params`.

    Raises:
        InputError: an unknown parameter or a wrong value.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    limits: ClassVar[tuple[str, ...]] = ()
    notice: ClassVar[str] = ""
    backend: ClassVar[str] = "movenet"  # one person, the main subject, however it lies

    params: P
    open_model: OpenModel = staticmethod(open_activity_model)

    def __init__(self, params: P | None = None, **settings: Any) -> None:
        if isinstance(params, ValidatedParams):
            self.params = params
            return
        values = (params.model_dump() if params is not None else {}) | settings
        self.params = self.parse(values)

    @classmethod
    @abstractmethod
    def params_model(cls) -> type[AppParams]:
        """Return the pydantic model of its parameters, which is imported here and not with the application."""

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Any:
        """Validate parameters. Errors: InputError that names every wrong one."""
        from pydantic import ValidationError

        model = cls.params_model()
        try:
            return model.model_validate(dict(values))
        except ValidationError as exc:
            wrong = validation_faults(exc, given=True)
            known = ", ".join(model.model_fields)
            raise InputError(f"parameters of application {cls.name}: {wrong}; it has {known}") from exc

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Build it from parameters by name, as a preset file has them."""
        return cls(cls.parse(values))

    @classmethod
    def from_validated(cls, values: Mapping[str, Any]) -> Self:
        """Build it from all its parameters by name, validated before, as an export carries them; without pydantic."""
        return cls(cast(P, ValidatedParams(**values)))

    @classmethod
    def from_client(cls, values: Mapping[str, Any]) -> Self:
        """Build it from parameters that somebody sent. Errors: InputError also for a file or folder of this machine."""
        model = cls.params_model()
        for name in model.local_files:
            if values.get(name, None) not in (None, default := model.model_fields[name].default):
                raise InputError(
                    f"parameters of application {cls.name}: {name} is a folder of the machine that runs the "
                    f"application, which a client cannot choose (got {str(values[name])[:80]!r}): leave it out, or "
                    f"send {default!r}"
                )
        return cls.from_values(values)

    @abstractmethod
    def start(self, stream: StreamFacts) -> None:
        """Begin a stream: forget everything of the one before. Errors: InputError where the skeleton does not fit."""

    @abstractmethod
    def update(self, frame: TrackedFrame) -> Sequence[Output]:
        """Take the next frame and return what is known since it came."""

    def finish(self) -> Sequence[Output]:
        """End the stream and return what was still open."""
        return ()

    def annotations(self) -> Sequence[Annotation]:
        """Return what an overlay shows after the newest frame."""
        return ()

    def summary(self) -> dict[str, Detail]:
        """Return the headline figures of the stream so far, by name."""
        return {}
