"""params.yaml: unknown keys refused, all faults at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from posemill import params
from posemill.errors import ParamsError
from posemill.params.compute import ComputeParams
from posemill.params.label import LabelParams
from posemill.params.section import RenamedKey
from posemill.stages.workspace import STAGES

ROOT = Path(__file__).resolve().parents[3]


def test_the_shipped_file_parses_and_has_every_stage() -> None:
    parsed = params.load(ROOT / "params.yaml")
    assert all(parsed.section(stage) is not None for stage in STAGES)


# A line of params.yaml that the defaults in code do not repeat, and why.
NO_DEFAULT = {"tune.space": "without a space `posemill tune` stops and says so; nothing is searched silently"}


def test_a_deleted_line_of_params_changes_nothing() -> None:
    """Every value of the shipped file is the default in code, but for those of NO_DEFAULT."""
    shipped = plain(yaml.safe_load((ROOT / "params.yaml").read_text()))
    defaults = plain(params.Params().model_dump(mode="json", by_alias=True))
    assert differing(shipped, defaults) == set(NO_DEFAULT)
    for key in set(shipped) - set(NO_DEFAULT):
        content = yaml.safe_load((ROOT / "params.yaml").read_text())
        drop(content, key)
        left = plain(params.Params.model_validate(content).model_dump(mode="json", by_alias=True))
        assert differing(shipped, left) <= set(NO_DEFAULT), key


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/*/params.yaml")), ids=lambda p: p.parent.name)
def test_examples_parse_and_have_what_the_graph_asks_for(file: Path) -> None:
    """DVC reads params.yaml itself: sections and interpolated keys must be written there, a default is not enough."""
    params.load(file)
    content = yaml.safe_load(file.read_text())
    graph = (ROOT / "dvc.yaml").read_text()
    stages = yaml.safe_load(graph)["stages"].values()
    wanted = {section for stage in stages for section in stage.get("params", [])}
    for key in [*wanted, *re.findall(r"\$\{([\w.]+)\}", graph)]:
        value = content
        for part in key.split("."):
            assert part in value, f"{file}: no {key}"
            value = value[part]


def plain(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Values by dotted key; an empty mapping says nothing. What a search space holds is one value."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        dotted = f"{before}{key}"
        if isinstance(value, dict) and dotted not in NO_DEFAULT:
            found |= plain(value, f"{dotted}.")
        else:
            found[dotted] = value
    return found


def drop(values: dict[str, Any], key: str) -> None:
    *path, name = key.split(".")
    for part in path:
        values = values[part]
    del values[name]


def differing(some: dict[str, Any], others: dict[str, Any]) -> set[str]:
    return {key for key, value in some.items() if others.get(key, "missing") != value}


def test_renamed_keys_are_read_and_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "label: {second_look: 0.3, looks: {also_px: [513], mirrored: true, close_up_px: 257}}\n"
        "evaluate: {trials: {jitter: 0.01}, answered_right: 0.9}\n"
    )
    with pytest.warns(RenamedKey) as caught:
        read = params.load(file)
    assert {str(w.message) for w in caught} == {
        "params.yaml: second_look is deprecated: use rotation_fallback_threshold",
        "params.yaml: looks is deprecated: use tta",
        "params.yaml: also_px is deprecated: use scales_px",
        "params.yaml: mirrored is deprecated: use flip",
        "params.yaml: close_up_px is deprecated: use crop_px",
        "params.yaml: trials is deprecated: use robustness",
        "params.yaml: answered_right is deprecated: use target_selective_accuracy",
    }
    assert (read.label.rotation_fallback_threshold, read.label.tta.scales_px) == (0.3, (513,))
    assert (read.label.tta.flip, read.label.tta.crop_px) == (True, 257)
    assert (read.evaluate.robustness.jitter, read.evaluate.target_selective_accuracy) == (0.01, 0.9)
    with pytest.warns(RenamedKey, match="full_look_every is deprecated: use keyframe_interval"):
        label = LabelParams.model_validate({"roi_propagation": {"full_look_every": 4}})
    assert label.roi_propagation is not None
    assert label.roi_propagation.keyframe_interval == 4


def test_a_key_under_both_names_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("evaluate: {trials: {}, robustness: {}}\n")
    with pytest.raises(ParamsError, match="trials is the old name of robustness: give one of them"):
        params.load(file)


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("snapshot: {datsets: [a]}\nlabeling: {}\n")
    with pytest.raises(ParamsError, match="datsets") as caught:
        params.load(file)
    assert "labeling" in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["a: [", "- 1"])
def test_not_a_mapping(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    with pytest.raises(ParamsError):
        params.load(file)


def test_no_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="workspace"):
        params.load(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("train", "says"),
    [
        ("{network: tnc}", r"train\.network: .*unknown network 'tnc'; known are tcn, stgcn, stgcn\+\+, transformer"),
        ("{network: ensemble}", "put together by `posemill assemble`"),
        ("{hyper: {tnc: {width: 8}}}", r"train\.hyper: .*unknown network tnc; known are tcn"),
    ],
)
def test_an_unknown_network_is_told_before_anything_runs(tmp_path: Path, train: str, says: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f"train: {train}\n")
    with pytest.raises(ParamsError, match=says):
        params.load(file)


def test_the_networks_of_params_are_those_there_are() -> None:
    from posemill import models
    from posemill.params.train import NETWORKS

    assert tuple(models.NETWORKS) == NETWORKS


def test_where_stages_compute_runs_none_of_them_again() -> None:
    graph = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    assert not any("compute" in str(stage.get("params")) for stage in graph["stages"].values())
    with pytest.raises(ValidationError, match="engine: dask"):
        ComputeParams(scheduler="tcp://host:8786")
    with pytest.raises(ValidationError, match="scheduler"):
        ComputeParams(engine="dask", scheduler="host:8786")
    assert ComputeParams(engine="dask", scheduler="tls://host:8786").workers == 2
