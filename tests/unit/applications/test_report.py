"""Overlay and report of an application."""

from __future__ import annotations

import numpy as np
import pytest

from made_up_tracks import made_up
from posemill.applications import registry
from posemill.applications.draw import ApplicationOverlay
from posemill.applications.presets import load_params, parse_params, preset_names
from posemill.applications.protocol import Annotation, Event, Measurement, Severity
from posemill.applications.registry import APPLICATIONS, Entry, find_application
from posemill.applications.report import application_page
from posemill.applications.result import ApplicationResult
from posemill.applications.run import run, steps
from posemill.applications.sources import stream_of_tracks
from posemill.errors import InputError
from stand_in_application import Presence


@pytest.fixture
def result() -> ApplicationResult:
    return run(Presence(alarm_after_s=0.2), stream_of_tracks(made_up(2), "<made> up"))


def test_a_report_shows_events_measurements_limits_and_the_notice(result: ApplicationResult) -> None:
    html = application_page(result).html()
    for text in ("Presence: &lt;made&gt; up", "person 1 stays", "time in view", "It sees only who is tracked.", "0.2"):
        assert text in html
    assert "Not a medical device." in html
    assert "<script" not in html


def test_measurements_over_time_are_curves(result: ApplicationResult) -> None:
    rows = tuple(
        Measurement(
            application="presence", name="knee", person=0, start_s=n, end_s=n, value=None if n == 3 else n, unit="deg"
        )
        for n in range(10)
    )
    html = application_page(result.model_copy(update={"measurements": rows})).html()
    assert "Measurements over time" in html
    assert "not measured" not in html


def test_an_interval_is_told_with_its_figure_and_no_events_are_no_section(result: ApplicationResult) -> None:
    measured = {"ratio": 1.2, "ratio_low": 1.1, "ratio_high": 1.3}
    html = application_page(result.model_copy(update={"summary": measured, "events": ()})).html()
    assert "1.1 to 1.3" in html
    assert "ratio low" not in html
    assert "Nothing was reported" not in html
    nothing = application_page(result.model_copy(update={"measurements": (), "events": ()})).html()
    assert "Nothing was reported" in nothing


def test_a_measurement_without_a_value_says_why(result: ApplicationResult) -> None:
    row = Measurement(
        application="presence", name="arm", person=0, start_s=0, end_s=1, value=None, unit="m", reason="foreshortened"
    )
    html = application_page(result.model_copy(update={"measurements": (row,)})).html()
    assert "foreshortened" in html
    assert "not measured" in html


def test_a_result_is_shown_in_a_notebook(result: ApplicationResult) -> None:
    assert "&lt;made&gt; up" in result._repr_html_()


def test_an_overlay_draws_people_notes_and_alarms() -> None:
    tracks = made_up(2, unseen=0)
    overlay, black = ApplicationOverlay(tracks.skeleton), np.zeros((240, 320, 3), np.uint8)
    stream = stream_of_tracks(tracks)
    step = next(iter(steps(Presence(), stream, annotate=True)))
    assert step.frame is not None
    alarm = Event(
        application="p", kind="k", person=0, time_s=0, start_s=0, severity=Severity.ALARM, message="fell 3° down"
    )
    plain = overlay.draw(black, step.frame, [], [])
    noted = overlay.draw(
        black, step.frame, [], [Annotation(0, "here", Severity.WARNING, ("nose",)), Annotation(7, "x")]
    )
    alarmed = overlay.draw(black, step.frame, [alarm], [])
    assert not black.any()
    assert plain.any()
    assert (noted != plain).any()
    assert (alarmed[:12] == (255, 70, 60)).all(-1).any()
    later = overlay.draw(black, step.frame.__class__(90, 9.0, step.frame.people), [], [])
    assert not (later[:12] == (255, 70, 60)).all(-1).any()


def test_every_application_keeps_the_protocol() -> None:
    for name in APPLICATIONS:
        application = find_application(name)()
        assert application.name == name
        assert application.title
        assert application.limits
        for preset in preset_names(name):
            find_application(name).from_values(load_params(name, preset))


def test_unknown_applications_and_presets_list_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "APPLICATIONS", {"presence": Entry("stand_in_application:Presence", "Says.")})
    assert registry.find_application("presence") is Presence
    with pytest.raises(InputError, match="no application 'fal'; there are presence"):
        registry.find_application("fal")
    with pytest.raises(InputError, match=r"no file x and no such preset.*presets: none"):
        load_params("presence", "x")


def test_parameters_are_a_mapping() -> None:
    assert parse_params("a_s: 3\n", "f") == {"a_s": 3}
    assert parse_params("", "f") == {}
    for text in ("- 1", "a: [", "3"):
        with pytest.raises(InputError, match="f"):
            parse_params(text, "f")
