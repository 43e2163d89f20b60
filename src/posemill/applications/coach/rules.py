"""Form rules as data: a YAML file an exercise, which a physiotherapist can read and write.

Every file is parsed by pydantic; all errors of a file are reported together, with the rule and the key.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from posemill.applications.coach.measures import KINDS, PARTS, is_keypoint
from posemill.applications.protocol import Severity
from posemill.errors import InputError
from posemill.text_file import read_text

EXERCISES = ("plank", "squat", "push_up", "lunge")
_FOLDER = Path(__file__).parent / "rules"


class Phase(StrEnum):
    """Phase in which a rule is judged: always, at the top or bottom, or once a repetition, on its deepest frame."""

    ANY = "any"
    TOP = "top"
    BOTTOM = "bottom"
    REPETITION = "repetition"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure(_Strict):
    """Measure of a rule: its kind and the names of its keypoints.

    A keypoint is named as `left_hip`, or without a side: `hip` (the side toward the camera), `far_hip`, `front_knee`
    and `rear_knee` (of the leg in front and behind), `mid_shoulder` (the middle of both).
    """

    kind: Literal["angle", "bend", "lean", "ahead", "width_ratio"]
    points: tuple[str, ...]

    @field_validator("points")
    @classmethod
    def _known(cls, points: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in points if not is_keypoint(name)]
        if unknown:
            raise ValueError(
                f"unknown keypoints {', '.join(unknown)}; there are {', '.join(PARTS)}, "
                "alone or after left_, right_, front_, rear_, far_ or mid_"
            )
        return points

    @model_validator(mode="after")
    def _count(self) -> Self:
        if len(self.points) != KINDS[self.kind].points:
            raise ValueError(f"{self.kind} takes {KINDS[self.kind].points} points, got {len(self.points)}")
        return self

    @property
    def unit(self) -> str:
        """Unit of its values and limits."""
        return KINDS[self.kind].unit


class Rule(_Strict):
    """One form rule: a measure with its limits, and the sentence to say when it is outside.

    name           of the fault, as `hips_too_high`.
    minimum, maximum  limits in the unit of the measure: degrees (angle, bend, lean), body lengths (ahead) or a ratio.
    phase          when it is judged; `repetition` once a repetition, at its deepest frame.
    view           from where it can be seen: `side`, `front` (or from behind) or `any`.
    severity       the rule of higher severity is corrected first.
    say            the sentence that the person hears.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    measure: Measure
    minimum: float | None = None
    maximum: float | None = None
    phase: Phase = Phase.ANY
    view: Literal["side", "front", "any"] = "any"
    severity: Severity = Severity.WARNING
    say: str = Field(min_length=3)

    @model_validator(mode="after")
    def _limits(self) -> Self:
        if (self.minimum is None) == (self.maximum is None):
            raise ValueError("a rule has one limit, minimum or maximum: write two rules for two sentences")
        if not -360 <= self.limit <= 360:
            raise ValueError("the limit is out of range")
        return self

    @property
    def limit(self) -> float:
        """The one limit that it has."""
        limit = self.minimum if self.minimum is not None else self.maximum
        assert limit is not None
        return limit

    def excess(self, value: float) -> float:
        """Return how far a value is outside the limit, in the unit of the measure; negative = inside."""
        return value - self.limit if self.maximum is not None else self.limit - value


class Repetition(_Strict):
    """The joint angle that tells repetitions: above `top_deg` is the top, below `bottom_deg` the bottom.

    A repetition counts if it went at least `minimum_range_deg` below `top_deg`.
    """

    angle: tuple[str, str, str]
    top_deg: float = Field(gt=0, lt=180)
    bottom_deg: float = Field(gt=0, lt=180)
    minimum_range_deg: float = Field(gt=0, lt=180)

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.bottom_deg >= self.top_deg:
            raise ValueError(f"bottom_deg {self.bottom_deg} must be below top_deg {self.top_deg}")
        return self


class RuleSet(_Strict):
    """The rules of one exercise.

    body        `level` (plank, push-up: hands and feet on the floor) or `upright`.
    reference   exercise of `reference_poses.npz` whose poses tell the camera's view and the projection error.
    repetition  None = the exercise is held.
    """

    exercise: str
    title: str
    body: Literal["level", "upright"]
    reference: Literal["plank", "squat", "push_up", "lunge"]
    repetition: Repetition | None = None
    rules: tuple[Rule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules have the same name: {', '.join(twice)}")
        if self.repetition is None and (phased := [r.name for r in self.rules if r.phase is not Phase.ANY]):
            raise ValueError(f"rules {', '.join(phased)} name a phase, but the exercise has no `repetition`")
        return self


def read_rules(path: Path) -> RuleSet:
    """Read a rule file. Errors: InputError that names the file and every wrong key.

    Examples:
        >>> rules_of("plank").rules[0].name
        'hips_too_high'
    """
    try:
        content = yaml.safe_load(read_text(Path(path)))
    except OSError as exc:
        raise InputError(f"rules {path}: cannot be read ({exc.strerror})") from exc
    except yaml.YAMLError as exc:
        raise InputError(f"rules {path}: no YAML: {str(exc)[:300]}") from exc
    return parse_rules(content, str(path))


def parse_rules(content: Any, name: str) -> RuleSet:
    """Validate the content of a rule file. name: for messages. Errors: InputError with every wrong key."""
    try:
        return RuleSet.model_validate(content)
    except ValidationError as exc:
        wrong = "; ".join(
            f"{_where(content, e['loc'])}: {e['msg'].removeprefix('Value error, ')}" for e in exc.errors()
        )
        raise InputError(f"rules {name}: {wrong}") from exc


def _where(content: Any, loc: tuple[int | str, ...]) -> str:
    """The key of an error, a rule by its name where it has one."""
    if len(loc) >= 2 and loc[0] == "rules" and isinstance(loc[1], int):
        rule = content["rules"][loc[1]]
        named = rule.get("name") if isinstance(rule, dict) else None
        return ".".join([f"rule {named or loc[1] + 1}", *map(str, loc[2:])])
    return ".".join(map(str, loc)) or "file"


@cache
def rules_of(exercise: str) -> RuleSet:
    """Return the rules that come with posemill. Errors: InputError for an unknown exercise, with the known ones."""
    if exercise not in EXERCISES:
        raise InputError(f"there is no exercise {exercise!r}; there are {', '.join(EXERCISES)}")
    return read_rules(_FOLDER / f"{exercise}.yaml")
