"""Stage results: the figures that a stage returns, and writes as result.json beside its files."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class StageResult(BaseModel):
    """A stage adds its own figures by subclassing; flows and the command line show `summary()`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stage: str

    def summary(self) -> dict[str, str | int | float]:
        """The plain figures, in the order of the fields; longer values are left to result.json."""
        return {k: v for k, v in self.model_dump(exclude={"stage"}).items() if isinstance(v, str | int | float)}

    def write(self, folder: Path) -> Path:
        """Write `<folder>/result.json`; equal results are equal bytes."""
        path = folder / "result.json"
        path.write_text(self.model_dump_json(indent=2) + "\n")
        return path
