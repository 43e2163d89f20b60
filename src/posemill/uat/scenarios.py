"""Acceptance scenarios (acceptance/*.yaml): a clip, the expected activities, tolerances and an owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from posemill.errors import InputError
from posemill.text_file import read_text

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
RENAMED_PERSONS = {"acting": "main_subject"}  # former name
Person = Annotated[
    Literal["main_subject", "any"] | Annotated[int, Field(ge=0)],
    BeforeValidator(lambda person: RENAMED_PERSONS.get(person, person) if isinstance(person, str) else person),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Limits(_Strict):
    """Tolerances and owner; given for a whole file or for one scenario."""

    owner: Name | None = Field(None, description="responsible for the expectation; contact when it fails")
    tolerance_s: Seconds | None = Field(0.5, description="tolerance of start and end; null: not checked")
    min_probability: Share = Field(0.5, description="minimum mean probability of the expected activity")
    min_overlap: Share = Field(0.6, description="minimum share of the expected interval with that answer")


class Expected(_Strict):
    """Expected activity from `start_s` to `end_s`; without both, the expected verdict over the whole clip."""

    activity: Name
    start_s: Seconds | None = None
    end_s: Seconds | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.start_s is not None and self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s {self.end_s:g} should be after start_s {self.start_s:g}")
        return self

    @property
    def whole(self) -> bool:
        """True if the verdict over the whole clip is expected."""
        return self.start_s is None and self.end_s is None


class ExpectedEvent(_Strict):
    """Expected events of an application: of a kind, perhaps at a time, and how many.

    start_s  an event that begins within tolerance_s of it counts; None: any.
    """

    kind: Name
    start_s: Seconds | None = None
    at_least: int = Field(1, ge=0)
    at_most: int | None = Field(None, ge=0)

    def __str__(self) -> str:
        when = "" if self.start_s is None else f" at {self.start_s:g} s"
        many = f"{self.at_least} or more" if self.at_most is None else f"{self.at_least} to {self.at_most}"
        return f"{self.kind}{when}: {many}"


class Range(_Strict):
    """Limits of a headline figure of an application, both included."""

    low: float | None = None
    high: float | None = None


class Scenario(_Limits):
    """A clip (file, or digest or source of a medium) and what is expected in it: activities, or of an application.

    person  `main_subject`: the person of the verdict; `any`: the person with most passed checks; or a person's number.
    """

    name: Name
    owner: Name
    path: str | None = Field(None, description="a video file, relative to the file of the scenario")
    medium: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{6,64}$")] | None = Field(None, description="digest")
    source: Name | None = Field(None, description="source of a medium, as `posemill media` lists it")
    person: Person = "main_subject"
    expect: tuple[Expected, ...] = Field((), min_length=1)  # left out where an application is named
    never: tuple[Name, ...] = Field((), description="activities that must not occur for longer than tolerance_s")
    application: Name | None = Field(None, description="name of an application, whose events are checked instead")
    params: dict[str, Any] = Field({}, description="its parameters")
    expect_events: tuple[ExpectedEvent, ...] = ()
    never_events: tuple[Name, ...] = Field((), description="kinds of events that must not occur")
    expect_summary: dict[Name, Range] = Field({}, description="limits of its headline figures")
    note: str | None = None

    @model_validator(mode="after")
    def _one_clip(self) -> Self:
        given = [name for name in ("path", "medium", "source") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of path, medium and source; came {' and '.join(given) or 'none'}")
        return self

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        of_events = self.expect_events or self.never_events or self.expect_summary
        if self.application is None:
            if of_events or self.params:
                raise ValueError("events, figures and params are of an application: name it as `application`")
            if not self.expect:
                raise ValueError("expect should name at least 1 activity")
        elif self.expect or self.never:
            raise ValueError("with an application give expect_events, never_events or expect_summary, no activities")
        elif not of_events:
            raise ValueError("nothing is expected of the application: expect_events, never_events or expect_summary")
        return self


class ScenarioFile(_Limits):
    """A file: limits for all of its scenarios, and the scenarios."""

    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1)]


class LocatedScenario(BaseModel):
    """A scenario and its file."""

    model_config = ConfigDict(frozen=True)

    file: Path
    scenario: Scenario


def find_scenarios(paths: Sequence[Path]) -> list[LocatedScenario]:
    """Read the scenarios of files and folders (.yaml at any depth), in the order of the files.

    Errors: InputError that lists every error with file, line and field.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> scenario = "{name: squats, path: gym.mp4, owner: anna, expect: [{activity: squat, start_s: 0.5}]}"
        >>> _ = (folder / "gym.yaml").write_text(f"scenarios: [{scenario}]")
        >>> find_scenarios([folder])[0].scenario.expect[0].activity
        'squat'
    """
    located: list[LocatedScenario] = []
    errors: list[str] = []
    for file in _files(paths):
        try:
            located += [LocatedScenario(file=file, scenario=scenario) for scenario in read_scenarios(file)]
        except InputError as exc:
            errors.append(str(exc))
    first: dict[str, Path] = {}
    for entry in located:
        name, other = entry.scenario.name, first.setdefault(entry.scenario.name, entry.file)
        if other != entry.file:
            errors.append(f"{entry.file}: the name {name!r} is taken by a scenario of {other}")
    if errors:
        raise InputError("; ".join(errors))
    return located


def read_scenarios(file: Path) -> tuple[Scenario, ...]:
    """Read the scenarios of one file. Errors: InputError, see find_scenarios."""
    import yaml

    try:
        text = read_text(file)
        node, content = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except OSError as exc:
        raise InputError(f"{file} cannot be read: {exc}") from exc
    except yaml.YAMLError as exc:
        raise InputError(f"{file} is not YAML: {' '.join(str(exc).split())}") from exc
    try:
        parsed = ScenarioFile.model_validate(_with_defaults(content))
    except ValidationError as exc:
        raise InputError(f"{file}: {'; '.join(_errors(content, node, exc))}") from exc
    names = [s.name for s in parsed.scenarios]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        line = _line(node, ("scenarios", len(names) - 1 - names[::-1].index(twice[0]), "name"))
        raise InputError(f"{file}: line {line}: two scenarios have the name {twice[0]!r}")
    return parsed.scenarios


def _with_defaults(content: Any) -> Any:
    """Copy the file's limits into every scenario that does not set its own."""
    if not isinstance(content, dict) or not isinstance(content.get("scenarios"), list):
        return content
    limits = {name: content[name] for name in _Limits.model_fields if name in content}
    scenarios = [{**limits, **s} if isinstance(s, dict) else s for s in content["scenarios"]]
    return {**content, "scenarios": scenarios}


def _errors(content: Any, node: Any, exc: ValidationError) -> list[str]:
    """One phrase per error; an error in the file's limits is reported once, not per scenario."""
    errors = []
    for error in exc.errors():
        field = error["loc"]
        if len(field) == 3 and field[2] in content and field[2] not in content["scenarios"][int(field[1])]:
            continue
        if error["type"] == "too_short" and error["input"]:  # the invalid entries are reported themselves
            continue
        errors.append(f"line {_line(node, field)}, {'.'.join(map(str, field)) or 'file'}: {_message(error)}")
    return errors


def _line(node: Any, field: Iterable[int | str]) -> int:
    """Line of a field, or of the innermost node that encloses it."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in field:
        inner = None
        if isinstance(part, int) and isinstance(getattr(node, "value", None), list) and part < len(node.value):
            inner = node.value[part]
        elif isinstance(getattr(node, "value", None), list):
            pairs = [pair for pair in node.value if isinstance(pair, tuple) and pair[0].value == part]
            inner = pairs[-1][1] if pairs else None
            line = pairs[-1][0].start_mark.line + 1 if pairs else line
        if inner is None:
            return int(line)
        line, node = (inner.start_mark.line + 1 if isinstance(part, int) else line), inner
    return int(line)


def _message(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error["input"]
    return message if isinstance(given, dict | list) else f"{message}, came {given!r}"


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = sorted(p for p in path.rglob("*") if p.suffix in (".yaml", ".yml")) if path.is_dir() else [path]
        if not inside:
            raise InputError(f"{path} holds no scenarios (.yaml): see docs/howto/accept.md for what one looks like")
        files += inside
    return files
