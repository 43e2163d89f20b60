"""params.yaml: unknown keys refused, all faults at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from posemill import params
from posemill.errors import ParamsError
from posemill.stages.workspace import STAGES

ROOT = Path(__file__).resolve().parents[3]


def test_the_shipped_file_parses_and_has_every_stage() -> None:
    parsed = params.load(ROOT / "params.yaml")
    assert all(parsed.section(stage) is not None for stage in STAGES)


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
