"""Suite runner: suites of Great Expectations on pandas tables.

The context in expectations/ is copied before use, so it never changes; Data Docs go where the caller says.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.errors import QualityError
from posemill.quality import balance, suites
from posemill.quality.data_docs import SuiteRun, make_self_contained
from posemill.quality.engine import great_expectations
from posemill.quality.outcomes import ExpectationOutcome, Level, QualityReport, SuiteOutcome

if TYPE_CHECKING:
    import pandas as pd

_ROW = "row_number"  # the index of the judged table, as a column, so that faults are found exactly
_NUMBER = "number"
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that fails an expectation. `row` counts from 0 in the table that was judged."""

    row: int
    outcome: ExpectationOutcome


@dataclass(slots=True)
class SuiteRunner:
    """Runs the suites in a folder on tables, in one Great Expectations context."""

    folder: Path
    context: Any
    runs: list[SuiteRun] = field(default_factory=list)

    def rows(self, name: str, table: pd.DataFrame) -> tuple[list[ExpectationOutcome], list[RowFailure]]:
        """Run the suite's expectations of level row: their outcomes, and every row that fails one."""
        judged = self._run(name, "row", table)
        failures = [RowFailure(row, outcome) for outcome, rows in judged for row in rows]
        return [outcome for outcome, _ in judged], failures

    def set(self, name: str, table: pd.DataFrame) -> list[ExpectationOutcome]:
        """Run the suite's expectations of level set, usually on the rows that passed."""
        return [outcome for outcome, _ in self._run(name, "set", table)]

    def _run(self, name: str, level: Level, table: pd.DataFrame) -> list[tuple[ExpectationOutcome, list[int]]]:
        suite = suites.load(self.folder, name)
        wanted = suite.of(level)
        if not wanted:
            return []
        table = table.reset_index(drop=True)
        results = _validate(self.context, f"{name}_{level}", wanted, table.assign(**{_ROW: range(len(table))}))
        if len(results) != len(wanted):
            raise QualityError(f"suite {name}: {len(wanted)} expectations of level {level}, {len(results)} ran")
        outcomes = [_outcome(name, e, results[number], table) for number, e in enumerate(wanted)]
        unmet = sum(not outcome.passed for outcome, _ in outcomes)
        self.runs.append(SuiteRun(f"{name}_{level}", len(outcomes), unmet))
        return outcomes


@contextmanager
def suite_runner(folder: Path, docs: Path) -> Iterator[SuiteRunner]:
    """Open a runner for the suites in `folder`; on leaving, Data Docs of all its runs are written to `docs`."""
    gx = great_expectations()
    with tempfile.TemporaryDirectory(prefix="posemill-quality-") as scratch:
        root = Path(scratch) / "context"
        (root / "expectations").mkdir(parents=True)
        shutil.copy(folder / "great_expectations.yml", root)
        runner = SuiteRunner(folder, gx.get_context(mode="file", context_root_dir=str(root)))
        yield runner
        runner.context.build_data_docs()
        shutil.rmtree(docs, ignore_errors=True)
        shutil.copytree(root / "uncommitted" / "docs", docs)
        make_self_contained(docs, runner.runs)


def check_windows(index: pd.DataFrame, expectations: Path, docs: Path, split_by: str = "subject") -> QualityReport:
    """Validate prepare's index (columns of index.parquet) by the suite `windows`; Data Docs are written to `docs`.

    expectations  the folder expectations/ of the workspace.
    split_by  see balance.with_window_columns.
    Errors: QualityError, see `require`.
    """
    with suite_runner(expectations, docs) as runner:
        outcomes = runner.set("windows", balance.with_window_columns(index, split_by))
    report = QualityReport(suites=[SuiteOutcome(suite="windows", rows=len(index), rejected=0, outcomes=outcomes)])
    require(report)
    return report


def require(report: QualityReport) -> None:
    """Raise QualityError with one sentence a failure of level set, or when no expectation ran at all."""
    empty = [suite.suite for suite in report.suites if not suite.outcomes]
    if empty or not report.suites:
        raise QualityError(f"no expectation ran in {', '.join(empty) or 'any suite'}: look at expectations/")
    if report.set_faults:
        raise QualityError(". ".join(fault.sentence() for fault in report.set_faults))


def _validate(context: Any, name: str, wanted: list[suites.Expectation], table: pd.DataFrame) -> dict[int, Any]:
    gx = great_expectations()
    # results come in an order of their own, so every expectation carries its number
    configured = [
        {"type": e.type, "kwargs": e.kwargs, "meta": {**e.meta.model_dump(exclude_none=True), _NUMBER: number}}
        for number, e in enumerate(wanted)
    ]
    try:
        suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=configured))
    except Exception as exc:  # Great Expectations lets the validation errors of pydantic 1 through
        raise QualityError(f"suite {name}: an expectation has wrong arguments: {_short(str(exc))}") from exc
    source = context.data_sources.add_or_update_pandas("tables")
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    result = definition.run(
        run_id=gx.RunIdentifier(run_name=f"posemill-{name}"),
        batch_parameters={"dataframe": table},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [_ROW]},
    )
    return {int(r.expectation_config.meta[_NUMBER]): r for r in result.results}


def _outcome(
    suite: str, expectation: suites.Expectation, result: Any, table: pd.DataFrame
) -> tuple[ExpectationOutcome, list[int]]:
    if raised := _exception(result.exception_info):
        raise QualityError(f"suite {suite}: {expectation.type}({expectation.column}) could not be judged: {raised}")
    rows = sorted({int(at[_ROW]) for at in result.result.get("unexpected_index_list") or []})
    passed = bool(result.success)
    outcome = ExpectationOutcome(
        suite=suite,
        expectation=expectation.type,
        column=expectation.column,
        **_about(expectation),
        passed=passed,
        faults=len(rows) or int(not passed),
        allowed=expectation.allowed,
        observed=_observed(result.result, rows, len(table)) + ("" if passed else _witness(expectation, result, table)),
    )
    return outcome, rows


def _about(expectation: suites.Expectation) -> dict[str, Any]:
    return expectation.meta.model_dump(include={"level", "says", "advice"})


def _observed(result: dict[str, Any], rows: list[int], judged: int) -> str:
    if "observed_value" in result:
        return _plain(result["observed_value"])
    if not rows:
        return f"all {judged} as expected"
    values = result.get("unexpected_list") or []
    examples = ", ".join(dict.fromkeys(_plain(v) for v in values[:_EXAMPLES]))
    return f"{len(rows)} of {judged}" + (f" ({examples}{', …' if len(values) > _EXAMPLES else ''})")


def _witness(expectation: suites.Expectation, result: Any, table: pd.DataFrame) -> str:
    """Name whom the observed extreme belongs to, such as the activity with too few clips."""
    witness, column = expectation.meta.witness, expectation.kwargs.get("column")
    if witness is None or column is None or "observed_value" not in result.result:
        return ""
    low, high = expectation.kwargs.get("min_value"), expectation.kwargs.get("max_value")
    wrong = (table[column] < low if low is not None else False) | (table[column] > high if high is not None else False)
    names = sorted({str(v) for v in table.loc[wrong, witness].dropna()})
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f" for {witness} {', '.join(names[:6])}{more}" if names else ""


def _exception(info: dict[str, Any]) -> str:
    """Message of the first exception; there is one, or one a metric."""
    each = [info] if "raised_exception" in info else list(info.values())
    return next((_short(str(e.get("exception_message"))) for e in each if e.get("raised_exception")), "")


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _short(str(value), 60)


def _short(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
