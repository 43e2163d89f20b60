"""Expectation suites as reviewed JSON: read strictly, since Great Expectations drops expectations it does not know."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from posemill.errors import QualityError, validation_faults
from posemill.quality.engine import great_expectations
from posemill.quality.outcomes import Level


class ExpectationMeta(BaseModel):
    """Part of an expectation that is ours, its "meta"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level
    says: str = Field(min_length=1)
    advice: str = ""
    witness: str | None = None


class Expectation(BaseModel):
    """One expectation: a type of Great Expectations with its arguments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    kwargs: dict[str, Any]
    meta: ExpectationMeta
    id: str | None = None
    severity: str | None = None

    @property
    def column(self) -> str:
        """The column or columns that are judged; empty for the table as a whole."""
        columns = self.kwargs.get("column") or self.kwargs.get("column_list") or ""
        return columns if isinstance(columns, str) else ", ".join(columns)

    @property
    def allowed(self) -> str:
        """Return the allowed values as a text for people."""
        low, high = self.kwargs.get("min_value"), self.kwargs.get("max_value")
        if low is not None or high is not None:
            return f"at most {high}" if low is None else f"at least {low}" if high is None else f"{low} to {high}"
        if "value_set" in self.kwargs:
            exclude = "anything but " if "not_be_in_set" in self.type else ""
            return exclude + ", ".join(map(str, self.kwargs["value_set"]))
        return f"text like {self.kwargs['regex']}" if "regex" in self.kwargs else "no such row"


class Suite(BaseModel):
    """A named list of expectations."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    expectations: list[Expectation]
    meta: dict[str, Any] = {}
    id: str | None = None
    notes: Any = None

    def of(self, level: Level) -> list[Expectation]:
        """The expectations of one level, in the order of the file."""
        return [e for e in self.expectations if e.meta.level == level]


def load(folder: Path, name: str) -> Suite:
    """Read `<folder>/expectations/<name>.json`.

    Errors: QualityError when it is missing, malformed, empty, or names an expectation that does not exist.
    """
    path = folder / "expectations" / f"{name}.json"
    try:
        suite = Suite.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise QualityError(f"no suite {path}: restore it from version control") from None
    except ValidationError as exc:
        faults = validation_faults(exc)
        raise QualityError(f"suite {path} cannot be read: {faults}") from exc
    if not suite.expectations:
        raise QualityError(f"suite {path} has no expectation: validation would pass without looking; add some")
    _require_known(suite, path)
    return suite


def _require_known(suite: Suite, path: Path) -> None:
    known = great_expectations().expectations.registry.list_registered_expectation_implementations()
    for expectation in suite.expectations:
        if expectation.type not in known:
            near = get_close_matches(expectation.type, known, n=1)
            hint = f"; did you mean {near[0]}" if near else ""
            raise QualityError(f"suite {path} names {expectation.type}, which Great Expectations does not have{hint}")
