"""Scenario files: defaults, and errors with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from posemill.errors import InputError
from posemill.uat.scenarios import find_scenarios, read_scenarios

REPOSITORY = Path(__file__).resolve().parents[3]

GOOD = """\
owner: anna
min_probability: 0.7
scenarios:
  - name: squats
    path: a.mp4
    tolerance_s: 0.25
    expect:
      - {activity: squat, start_s: 0.5, end_s: 2}
      - activity: stand
        start_s: 2
  - name: walks
    source: synth/1
    owner: bert
    person: any
    expect: [{activity: walk}]
    never: [fall]
"""


def test_what_a_file_says_holds_for_scenarios_that_say_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    squats, walks = read_scenarios(tmp_path / "a.yaml")
    assert (squats.owner, squats.tolerance_s, squats.min_probability, squats.min_overlap) == ("anna", 0.25, 0.7, 0.6)
    assert (walks.owner, walks.tolerance_s, walks.person, walks.never) == ("bert", 0.5, "any", ("fall",))
    assert [e.whole for e in (*squats.expect, *walks.expect)] == [False, False, True]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("min_probability: 0.7", "min_probability: 7"), "line 2, min_probability: Input should be less than"),
        (("owner: anna\n", ""), "line 3, scenarios.0.owner: Field required"),
        (("end_s: 2}", "end_s: 0.1}"), "line 8, scenarios.0.expect.0: end_s 0.1 should be after start_s 0.5"),
        (("        start_s: 2", "        begin: 2"), "line 10, scenarios.0.expect.1.begin: Extra inputs"),
        (
            ("path: a.mp4", "path: a.mp4\n    source: b"),
            "line 4, scenarios.0: give one of path, medium and source; came path and source",
        ),
        (("    source: synth/1\n", ""), "line 11, scenarios.1: give one of path, medium and source; came none"),
        (("[{activity: walk}]", "[]"), "line 15, scenarios.1.expect"),
        (("name: walks", "name: squats"), "line 11: two scenarios have the name 'squats'"),
        (("tolerance_s: 0.25", "tolerance_s: .nan"), "line 6, scenarios.0.tolerance_s"),
        (("scenarios:", "scenarios: ["), "is not YAML"),
        ((GOOD, "- 1"), "line 1, file: Input should be"),
    ],
)
def test_a_fault_has_its_file_line_and_field(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    file = tmp_path / "a.yaml"
    assert change[0] in GOOD
    file.write_text(GOOD.replace(*change))
    with pytest.raises(InputError) as caught:
        read_scenarios(file)
    assert str(file) in str(caught.value)
    assert says in str(caught.value)
    assert str(caught.value).count("line ") <= 1  # what is said once is told once


def test_faults_of_all_files_are_told_together_and_names_are_unique(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("scenarios: []")
    (tmp_path / "b.yaml").write_text("owner: 3\nscenarios: 4")
    with pytest.raises(InputError, match=r"a\.yaml.*b\.yaml"):
        find_scenarios([tmp_path])
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(GOOD.replace("name: walks", "name: others"))
    with pytest.raises(InputError, match=r"b\.yaml: the name 'squats' is taken by a scenario of .*a\.yaml"):
        find_scenarios([tmp_path])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no scenarios"):
        find_scenarios([tmp_path / "empty"])
    with pytest.raises(InputError, match="cannot be read"):
        find_scenarios([tmp_path / "none.yaml"])


def test_the_scenarios_of_the_demo_are_clips_that_it_renders_and_never_trains_with() -> None:
    from posemill import params
    from posemill.cli.demo import CORPUS
    from posemill.cli.synth import synth
    from posemill.features.splits import ClipMeta, split_subjects
    from posemill.operations.synth import DATASET, source
    from posemill.synth.corpus import plan

    asked = synth.make_context("synth", list(CORPUS)).params
    given = {name: asked[name] for name in ("subjects", "clips_per_activity", "duration_s", "fps")}
    clips = plan(asked["seed"], **given)
    split = params.load(REPOSITORY / "params.yaml").prepare.split
    sides = split_subjects(
        [ClipMeta(c.subject_name, c.activity, None, DATASET) for c in clips], split.validation, split.test, split.seed
    )
    held_out = {source(c): c.activity for c in clips if sides[c.subject_name] == "test"}
    located = find_scenarios([REPOSITORY / "acceptance" / "synthetic.yaml"])
    assert len(located) >= 5
    for each in located:
        assert held_out[each.scenario.source] == each.scenario.expect[0].activity, each.scenario.name
