"""Rule files: what is accepted, and what an error says."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from posemill.applications.coach.rules import EXERCISES, Phase, parse_rules, read_rules, rules_of
from posemill.errors import InputError

OWN: dict[str, Any] = {
    "exercise": "wall_sit",
    "title": "Wall sit",
    "body": "upright",
    "reference": "squat",
    "rules": [
        {
            "name": "too_high",
            "measure": {"kind": "angle", "points": ["hip", "knee", "ankle"]},
            "maximum": 100,
            "view": "side",
            "say": "Slide down.",
        }
    ],
}


@pytest.mark.parametrize("exercise", EXERCISES)
def test_rules_of_posemill_are_valid(exercise: str) -> None:
    rules = rules_of(exercise)
    assert rules.exercise == exercise
    assert all(rule.say.endswith(".") for rule in rules.rules)


def test_own_rules_are_read(tmp_path: Path) -> None:
    path = tmp_path / "wall_sit.yaml"
    path.write_text(yaml.safe_dump(OWN))
    rule = read_rules(path).rules[0]
    assert rule.phase is Phase.ANY
    assert rule.excess(110) == 10
    assert rule.excess(90) == -10


def test_a_least_value_is_exceeded_from_below() -> None:
    rule = rules_of("plank").rules[1]
    assert rule.minimum is not None
    assert rule.excess(rule.minimum - 4) == 4


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"points": ["hip", "knie", "ankle"]}, "unknown keypoints knie"),
        ({"points": ["hip", "knee"]}, "angle takes 3 points, got 2"),
        ({"kind": "curve"}, "'angle', 'bend', 'lean', 'ahead' or 'width_ratio'"),
    ],
)
def test_a_wrong_measure_is_named_with_its_rule(change: dict[str, Any], says: str) -> None:
    content = deepcopy(OWN)
    content["rules"][0]["measure"] |= change
    with pytest.raises(InputError, match=f"rules own.yaml: rule too_high.measure.*{says}"):
        parse_rules(content, "own.yaml")


def test_every_error_of_a_file_is_reported_at_once() -> None:
    content = deepcopy(OWN)
    content["body"], content["rules"][0]["sayy"] = "lying", "x"
    with pytest.raises(InputError, match=r"body: .*; rule too_high.sayy: Extra inputs"):
        parse_rules(content, "own.yaml")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"minimum": 20}, "one limit"),
        ({"maximum": None}, "one limit"),
        ({"maximum": 1e6}, "out of range"),
        ({"phase": "bottom"}, "name a phase"),
        ({"name": "Too High"}, "pattern"),
    ],
)
def test_inconsistent_rules_are_refused(change: dict[str, Any], says: str) -> None:
    content = deepcopy(OWN)
    content["rules"][0] |= change
    with pytest.raises(InputError, match=says):
        parse_rules(content, "own.yaml")


def test_two_rules_of_one_name_are_refused() -> None:
    content = deepcopy(OWN)
    content["rules"] *= 2
    with pytest.raises(InputError, match="two rules have the same name: too_high"):
        parse_rules(content, "own.yaml")


@pytest.mark.parametrize("text", ["rules: [", "just text", "- 1", ""])
def test_text_that_is_no_rule_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.yaml"):
        read_rules(path)


def test_a_missing_file_and_an_unknown_exercise_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: cannot be read"):
        read_rules(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="there are plank, squat, push_up, lunge"):
        rules_of("burpee")


def test_the_rule_of_the_how_to_page_is_valid() -> None:
    page = Path(__file__).resolve().parents[4] / "docs" / "howto" / "coach.md"
    example = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    rules = parse_rules(yaml.safe_load(example), "coach.md")
    assert rules.rules[0].limit == 100
