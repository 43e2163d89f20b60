"""Every expectation of every suite exists, passes on good data, and fails on the one table that violates it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posemill.quality import suite_runner, suites
from posemill.quality.engine import great_expectations
from posemill.quality.suite_runner import SuiteRunner
from quality_tables import good

FOLDER = Path(__file__).resolve().parents[3] / "expectations"
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def cell(row: int, column: str, value: object) -> Spoil:
    def spoil(table: pd.DataFrame) -> pd.DataFrame:
        table[column] = table[column].astype(object)
        table.loc[row, column] = value  # type: ignore[call-overload]
        return table.infer_objects()

    return spoil


def every(column: str, value: object) -> Spoil:
    return lambda table: table.assign(**{column: value})


def none(table: pd.DataFrame) -> pd.DataFrame:
    return table.iloc[:0]


# suite, type without "expect_", column → what spoils it, and the rows that must be named (None: it judges the set)
V = "column_values_to_"
SPOILS: dict[tuple[str, str, str], tuple[Spoil, list[int] | None]] = {
    ("clips", f"{V}not_be_null", "clip"): (cell(3, "clip", None), [3]),
    ("clips", f"{V}be_unique", "clip"): (cell(3, "clip", 1), [0, 3]),
    ("clips", f"{V}not_be_null", "medium_kind"): (cell(2, "medium_kind", None), [2]),
    ("clips", f"{V}not_be_null", "medium_status"): (cell(2, "medium_status", None), [2]),
    ("clips", f"{V}not_be_in_set", "medium_status"): (cell(2, "medium_status", "quarantined"), [2]),
    ("clips", f"{V}be_between", "start_s"): (cell(1, "start_s", -0.1), [1]),
    ("clips", f"{V}be_between", "length_s"): (cell(1, "length_s", -1.0), [1]),
    ("clips", f"{V}be_between", "beyond_end_s"): (cell(7, "beyond_end_s", 0.6), [7]),
    ("clips", f"{V}match_regex", "activity"): (cell(7, "activity", "walk "), [7]),
    ("clips", f"{V}be_in_set", "split"): (cell(0, "split", "holdout"), [0]),
    ("clips", f"{V}be_between", "poses"): (cell(4, "poses", 4.0), [4]),
    ("clips", "table_row_count_to_be_between", ""): (none, None),
    ("clips", "column_max_to_be_between", "rejected_share"): (every("rejected_share", 0.6), None),
    ("clips", "column_unique_value_count_to_be_between", "activity"): (every("activity", "walk"), None),
    ("clips", "column_min_to_be_between", "activity_clips"): (cell(0, "activity_clips", 2.0), None),
    ("clips", "column_max_to_be_between", "activity_share"): (cell(0, "activity_share", 0.91), None),
    ("clips", "column_max_to_be_between", "subject_splits"): (cell(0, "subject_splits", 2.0), None),
    ("tracks", "compound_columns_to_be_unique", "medium, person"): (cell(3, "medium", "m0"), [0, 3]),
    ("tracks", f"{V}be_between", "infinite"): (cell(5, "infinite", 1), [5]),
    ("tracks", f"{V}be_between", "half_seen"): (cell(5, "half_seen", 1), [5]),
    ("tracks", f"{V}be_between", "confidence_min"): (cell(5, "confidence_min", -0.01), [5]),
    ("tracks", f"{V}be_between", "confidence_max"): (cell(5, "confidence_max", 1.01), [5]),
    ("tracks", f"{V}be_between", "confidence_unseen"): (cell(5, "confidence_unseen", 0.2), [5]),
    ("tracks", f"{V}be_between", "time_step_s"): (cell(5, "time_step_s", 0.0), [5]),
    ("tracks", f"{V}be_between", "frame_step"): (cell(5, "frame_step", 0.0), [5]),
    ("tracks", f"{V}be_between", "poses"): (cell(5, "poses", 4), [5]),
    ("tracks", f"{V}be_between", "seen_keypoints"): (cell(5, "seen_keypoints", 3.0), [5]),
    ("tracks", f"{V}be_between", "outside_share"): (cell(5, "outside_share", 0.3), [5]),
    ("tracks", f"{V}be_between", "bone_jump_share"): (cell(5, "bone_jump_share", 0.3), [5]),
    ("tracks", f"{V}be_between", "bone_ratio"): (cell(5, "bone_ratio", 4.5), [5]),
    ("tracks", "table_row_count_to_be_between", ""): (none, None),
    ("tracks", "column_max_to_be_between", "rejected_share"): (every("rejected_share", 0.9), None),
    ("windows", f"{V}not_be_null", "window"): (cell(0, "window", None), None),
    ("windows", f"{V}be_unique", "window"): (cell(0, "window", 1), None),
    ("windows", f"{V}not_be_null", "clip"): (cell(0, "clip", None), None),
    ("windows", f"{V}not_be_null", "activity"): (cell(0, "activity", None), None),
    ("windows", f"{V}be_between", "start_s"): (cell(0, "start_s", -1.0), None),
    ("windows", f"{V}be_in_set", "split"): (cell(0, "split", "dev"), None),
    ("windows", "column_distinct_values_to_contain_set", "split"): (every("split", "train"), None),
    ("windows", "column_max_to_be_between", "subject_splits"): (cell(0, "subject_splits", 2.0), None),
    ("windows", "column_max_to_be_between", "clip_splits"): (cell(0, "clip_splits", 2.0), None),
    ("windows", "column_min_to_be_between", "activity_train_windows"): (every("activity_train_windows", 0.0), None),
    ("windows", "column_min_to_be_between", "activity_test_windows"): (every("activity_test_windows", 0.0), None),
}


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SuiteRunner]:
    with suite_runner.suite_runner(FOLDER, tmp_path_factory.mktemp("docs")) as runner:
        yield runner


@pytest.mark.parametrize("name", ["clips", "tracks", "windows"])
def test_every_expectation_has_a_table_that_violates_it(name: str) -> None:
    listed = {(name, e.type.removeprefix("expect_"), e.column) for e in suites.load(FOLDER, name).expectations}
    assert listed == {key for key in SPOILS if key[0] == name}


@pytest.mark.parametrize("name", ["clips", "tracks", "windows"])
def test_good_data_passes(runner: SuiteRunner, name: str) -> None:
    outcomes, faults = runner.rows(name, good(name))
    outcomes += runner.set(name, good(name))
    assert faults == []
    assert [o.sentence() for o in outcomes if not o.passed] == []
    assert len(outcomes) == len(suites.load(FOLDER, name).expectations)


@pytest.mark.parametrize("key", SPOILS, ids=":".join)
def test_a_violation_is_found_exactly(runner: SuiteRunner, key: tuple[str, str, str]) -> None:
    name, kind, column = key
    spoil, rows = SPOILS[key]
    table = spoil(good(name))
    if rows is None:
        failed = [o for o in runner.set(name, table) if not o.passed]
        assert (f"expect_{kind}", column) in [(o.expectation, o.column) for o in failed]
        assert all(o.advice and o.observed and o.allowed for o in failed)
    else:
        _, faults = runner.rows(name, table)
        assert [(f.outcome.expectation, f.outcome.column) for f in faults] == [(f"expect_{kind}", column)] * len(rows)
        assert [f.row for f in faults] == rows


def test_the_suites_are_a_context_that_great_expectations_opens(tmp_path: Path) -> None:
    gx = great_expectations()
    shutil.copytree(FOLDER, tmp_path / "context")
    context = gx.get_context(mode="file", context_root_dir=str(tmp_path / "context"))
    sizes = {suite.name: len(suite.expectations) for suite in context.suites.all()}
    assert sizes == {n: len(suites.load(FOLDER, n).expectations) for n in ("clips", "tracks", "windows")}


def test_infinite_values_of_a_float_column_are_faults_too(runner: SuiteRunner) -> None:
    _, faults = runner.rows("clips", cell(2, "length_s", np.inf)(good("clips")))
    assert [f.row for f in faults] == [2]
