"""Scenarios of acceptance/*.yaml: a clip, what should be found in it, how exactly, and who answers for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from posemill.errors import InputError

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Limits(_Strict):
    """How exactly a service should answer; may stand for a whole file or for one scenario."""

    owner: Name | None = Field(None, description="who says that this is expected, and is asked when it fails")
    tolerance_s: Seconds | None = Field(0.5, description="by which a start or an end may be off; null: by any time")
    min_probability: Share = Field(0.5, description="mean probability of the activity where it is expected")
    min_overlap: Share = Field(0.6, description="share of the expected stretch that is answered so")


class Expected(_Strict):
    """An activity from `start_s` to `end_s`; with neither of them the verdict over the whole clip."""

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
        """Whether it speaks of the whole clip."""
        return self.start_s is None and self.end_s is None


class Scenario(_Limits):
    """One clip and what is expected of it. The clip is a file, a medium's digest or a medium's source."""

    name: Name
    owner: Name
    path: str | None = Field(None, description="a video file, relative to the file of the scenario")
    medium: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{6,64}$")] | None = Field(None, description="digest")
    source: Name | None = Field(None, description="source of a medium, as `posemill media` lists it")
    person: Literal["acting", "any"] | Annotated[int, Field(ge=0)] = "acting"
    expect: Annotated[tuple[Expected, ...], Field(min_length=1)]
    never: tuple[Name, ...] = Field((), description="activities that should not be found for longer than tolerance_s")
    note: str | None = None

    @model_validator(mode="after")
    def _one_clip(self) -> Self:
        given = [name for name in ("path", "medium", "source") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of path, medium and source; came {' and '.join(given) or 'none'}")
        return self


class ScenarioFile(_Limits):
    """A file: limits for all of its scenarios, and the scenarios."""

    scenarios: Annotated[tuple[Scenario, ...], Field(min_length=1)]


class Located(BaseModel):
    """A scenario and the file that it is in."""

    model_config = ConfigDict(frozen=True)

    file: Path
    scenario: Scenario


def find(paths: Sequence[Path]) -> list[Located]:
    """The scenarios of these files and folders (.yaml at any depth), in the order of files and of each file.

    Errors: InputError that lists every fault with file, line and field.
    """
    found: list[Located] = []
    faults: list[str] = []
    for file in _files(paths):
        try:
            found += [Located(file=file, scenario=scenario) for scenario in read(file)]
        except InputError as exc:
            faults.append(str(exc))
    first: dict[str, Path] = {}
    for each in found:
        name, other = each.scenario.name, first.setdefault(each.scenario.name, each.file)
        if other != each.file:
            faults.append(f"{each.file}: the name {name!r} is taken by a scenario of {other}")
    if faults:
        raise InputError("; ".join(faults))
    return found


def read(file: Path) -> tuple[Scenario, ...]:
    """The scenarios of one file. Errors: InputError, see find."""
    import yaml

    try:
        text = file.read_text()
        node, content = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{file} cannot be read: {exc}") from exc
    except yaml.YAMLError as exc:
        raise InputError(f"{file} is not YAML: {' '.join(str(exc).split())}") from exc
    try:
        parsed = ScenarioFile.model_validate(_with_defaults(content))
    except ValidationError as exc:
        raise InputError(f"{file}: {'; '.join(_faults(content, node, exc))}") from exc
    names = [s.name for s in parsed.scenarios]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        line = _line(node, ("scenarios", len(names) - 1 - names[::-1].index(twice[0]), "name"))
        raise InputError(f"{file}: line {line}: two scenarios have the name {twice[0]!r}")
    return parsed.scenarios


def _with_defaults(content: Any) -> Any:
    """What the file says for all of its scenarios, in each that says nothing else."""
    if not isinstance(content, dict) or not isinstance(content.get("scenarios"), list):
        return content
    said = {name: content[name] for name in _Limits.model_fields if name in content}
    scenarios = [{**said, **s} if isinstance(s, dict) else s for s in content["scenarios"]]
    return {**content, "scenarios": scenarios}


def _faults(content: Any, node: Any, exc: ValidationError) -> list[str]:
    """One phrase a fault; what the file says for all of its scenarios is told once."""
    out = []
    for error in exc.errors():
        where = error["loc"]
        if len(where) == 3 and where[2] in content and where[2] not in content["scenarios"][int(where[1])]:
            continue
        if error["type"] == "too_short" and error["input"]:  # those that are there have faults of their own
            continue
        out.append(f"line {_line(node, where)}, {'.'.join(map(str, where)) or 'file'}: {_says(error)}")
    return out


def _line(node: Any, where: Iterable[int | str]) -> int:
    """The line of a field, or of the innermost thing around it that is there."""
    line = 1 if node is None else node.start_mark.line + 1
    for part in where:
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


def _says(error: Any) -> str:
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
