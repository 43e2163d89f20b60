"""What came out of validation, as plain values: quality.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["row", "set"]


class Outcome(BaseModel):
    """One expectation, judged.

    faults    rows that fail (level row); 0 or 1 (level set).
    observed  what was seen, and `allowed` what the suite allows, both for people.
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
        """What is wrong, with the expectation, what was observed and what is allowed."""
        where = f"{self.suite}: {self.expectation}" + (f"({self.column})" if self.column else "")
        advice = f"; {self.advice}" if self.advice else ""
        return f"expected that {self.says}, observed {self.observed}, allowed {self.allowed} [{where}]{advice}"


class SuiteOutcome(BaseModel):
    """One suite: how many rows it judged, how many of them are rejected, and every expectation's outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str
    rows: int
    rejected: int
    outcomes: list[Outcome]

    @property
    def set_faults(self) -> list[Outcome]:
        """The failures that stop the run."""
        return [o for o in self.outcomes if o.level == "set" and not o.passed]


class QualityReport(BaseModel):
    """All suites of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suites: list[SuiteOutcome]

    @property
    def passed(self) -> bool:
        """Whether the set as a whole may go on; rejected rows alone do not stop it."""
        return not self.set_faults

    @property
    def set_faults(self) -> list[Outcome]:
        """The failures that stop the run, of all suites."""
        return [fault for suite in self.suites for fault in suite.set_faults]

    @property
    def expectations(self) -> int:
        """How many expectations were judged."""
        return sum(len(suite.outcomes) for suite in self.suites)
