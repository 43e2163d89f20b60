"""The `tune` section of params.yaml."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from posemill.params.section import Section


class Range(Section):
    """Search range of one parameter: between two numbers (whole ones where both are), or among choices.

    log   every factor is as likely as the next, for learning rates and the like; low is above 0 then.
    step  between neighbouring values; none of it with log.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = Field(default=None, gt=0)
    choices: list[Any] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_kind(self) -> Range:
        if self.choices is not None:
            if (self.low, self.high, self.log, self.step) != (None, None, False, None):
                raise ValueError("either choices, or low and high")
        elif self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("choices, or low below high")
        elif self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs low above 0 and no step")
        return self

    @property
    def example(self) -> Any:
        """One value inside."""
        return self.low if self.choices is None else self.choices[0]


class TuneParams(Section):
    """Hyper-parameter search of `posemill tune`; no stage of dvc.yaml reads this.

    space     ranges by dotted key, such as `train.learning_rate` or `train.hyper.tcn.width`.
    trials    in all; a search that is run again goes on up to this number.
    epochs    at most, of a trial; null = train.epochs.
    prune     a trial ends early when it is worse than this half of those before it at the same epoch: median, or none.
    prune_after  epochs, and trials before it, that are never cut short.
    storage   where trials are kept: empty = a file under build/, or the address of a database, such as
              `postgresql+psycopg2://…`, where several machines may search together.
    """

    space: dict[str, Range] = Field(default_factory=dict)
    trials: int = Field(default=20, ge=1)
    epochs: int | None = Field(default=20, ge=1)
    prune: Literal["median", "none"] = "median"
    prune_after: int = Field(default=5, ge=0)
    storage: str = ""
    seed: int = 0

    @field_validator("space")
    @classmethod
    def _of_training(cls, space: dict[str, Range]) -> dict[str, Range]:
        if other := sorted(k for k in space if not k.startswith("train.")):
            raise ValueError(f"only parameters of train are searched, such as train.learning_rate; not {other}")
        return space


def override(section: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A copy of a section's plain values with those of dotted keys (`train.augment.jitter`) in their place."""
    changed: dict[str, Any] = json.loads(json.dumps(section))
    for key, value in values.items():
        *path, name = key.split(".")[1:]
        place = changed
        for part in path:
            place = place.setdefault(part, {})
        place[name] = value
    return changed
