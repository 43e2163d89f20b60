"""Outcomes of data validation as plain values: quality.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["row", "set"]


class ExpectationOutcome(BaseModel):
    """Outcome of one expectation.

    faults    rows that fail (level row); 0 or 1 (level set).
    observed  as a text for people; `allowed` is what the suite allows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str
    expectation: str
    column: str
    level: Level
    says: str
    advice: str = ""
    passed: bool
    faults: int
    observed: str
    allowed: str

    def sentence(self) -> str:
        """Return one sentence: what is wrong, the expectation, what was observed and what is allowed."""
        where = f"{self.suite}: {self.expectation}" + (f"({self.column})" if self.column else "")
        advice = f"; {self.advice}" if self.advice else ""
        return f"expected that {self.says}, observed {self.observed}, allowed {self.allowed} [{where}]{advice}"


class SuiteOutcome(BaseModel):
    """Outcome of a suite: rows it ran on, how many of them are rejected, and every expectation's outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str
    rows: int
    rejected: int
    outcomes: list[ExpectationOutcome]

    @property
    def set_faults(self) -> list[ExpectationOutcome]:
        """The failures that stop the run."""
        return [o for o in self.outcomes if o.level == "set" and not o.passed]


class QualityReport(BaseModel):
    """All suites of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suites: list[SuiteOutcome]

    @property
    def passed(self) -> bool:
        """True if the set as a whole passed; rejected rows alone do not stop it."""
        return not self.set_faults

    @property
    def set_faults(self) -> list[ExpectationOutcome]:
        """The failures that stop the run, of all suites."""
        return [fault for suite in self.suites for fault in suite.set_faults]

    @property
    def expectations(self) -> int:
        """Number of expectations that ran."""
        return sum(len(suite.outcomes) for suite in self.suites)
