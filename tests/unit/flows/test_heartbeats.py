"""Heartbeats of flow runs: often enough for the automations, which take a silent run for killed."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from uuid import UUID

import pytest
from flows._automations import HEARTBEAT_LOST, WATCHED, automations
from flows._house import HEARTBEAT_S, report_often
from prefect.settings import get_current_settings, temporary_settings
from prefect.settings.legacy import Setting, _get_settings_fields

FREQUENCY = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"


def _setting() -> Setting:
    from prefect.settings import Settings

    return _get_settings_fields(Settings)[FREQUENCY]


@pytest.mark.parametrize(("before", "then"), [(180, 60), (60, 60), (30, 30), (None, 60)])
def test_a_process_that_imported_prefect_before_reports_often(before: int | None, then: int) -> None:
    with temporary_settings(updates={_setting(): before}):
        report_often()
        assert get_current_settings().flows.heartbeat_frequency == then


@pytest.mark.parametrize("first", ["", "import prefect; "])
def test_whoever_imports_a_flow_reports_often(first: str) -> None:
    code = f"{first}import flows.notify; from prefect.settings import get_current_settings as now; "
    code += "print(now().flows.heartbeat_frequency)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == [str(HEARTBEAT_S)]


def test_a_run_crashes_after_three_lost_heartbeats_and_where_none_came() -> None:
    assert timedelta(seconds=3 * HEARTBEAT_S) == HEARTBEAT_LOST
    silent = [each for each in automations(UUID(int=0)) if "crash" in each.name]
    after = {frozenset(each.trigger.after): each.trigger for each in silent}
    assert set(after) == {frozenset({"prefect.flow-run.heartbeat"}), frozenset({"prefect.flow-run.Running"})}
    never = after[frozenset({"prefect.flow-run.Running"})]
    assert "prefect.flow-run.heartbeat" in never.expect
    assert never.within == HEARTBEAT_LOST
    assert never.match_related["prefect.resource.name"] == [*WATCHED, "notify"]  # flows of others may not report
