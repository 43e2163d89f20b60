"""Scenarios of applications: events, events that must not be, and headline figures."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from made_up_tracks import made_up
from posemill.applications.run import run
from posemill.applications.sources import stream_of_tracks
from posemill.uat.application_checks import check_application
from posemill.uat.scenarios import Scenario
from stand_in_application import Presence

RESULT = run(Presence(alarm_after_s=0.2), stream_of_tracks(made_up(2, unseen=0)))  # two come, two stay


def scenario(**fields: Any) -> Scenario:
    about = {"name": "a", "owner": "anna", "path": "a.mp4", "application": "presence"}
    return Scenario.model_validate(about | fields)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"expect_events": [{"kind": "came"}]}, None),
        ({"expect_events": [{"kind": "came", "at_least": 2, "at_most": 2}]}, None),
        ({"expect_events": [{"kind": "came", "at_least": 3}]}, "2 of 2 came count"),
        ({"expect_events": [{"kind": "came", "at_most": 1}]}, "2 of 2 came count"),
        ({"expect_events": [{"kind": "came", "start_s": 0.1}]}, None),
        ({"expect_events": [{"kind": "came", "start_s": 0.9}]}, "0 of 2 came count"),
        ({"expect_events": [{"kind": "came", "at_least": 2}], "person": 1}, "1 of 1 came count"),
        ({"expect_events": [{"kind": "fell"}]}, "no fell was reported"),
        ({"never_events": ["fell"]}, None),
        ({"never_events": ["stays"]}, "found 2 times, first at 0.00 s"),
        ({"expect_summary": {"alarms": {"low": 2, "high": 2}}}, None),
        ({"expect_summary": {"alarms": {"high": 1}}}, "alarms is 2"),
        ({"expect_summary": {"frames": {"low": 13}}}, "frames is 12"),
        ({"expect_summary": {"fals": {"low": 1}}}, "there is no figure fals; there are frames, alarms"),
    ],
)
def test_each_expectation_is_held(fields: dict[str, Any], says: str | None) -> None:
    outcome = check_application(scenario(**fields), RESULT)
    failures = "; ".join(check.says for check in outcome.checks if not check.passed)
    assert outcome.passed is (says is None), failures
    assert (says or "") in failures


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "nothing is expected of the application"),
        ({"never_events": ["a"], "expect": [{"activity": "walk"}]}, "no activities"),
        ({"application": None, "never_events": ["a"]}, "name it as `application`"),
        ({"application": None}, "at least 1 activity"),
    ],
)
def test_activities_and_applications_are_not_mixed(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        scenario(**fields)
