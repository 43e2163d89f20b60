"""Searching parameters: resumable, judged on validation only, nothing of another search mixed in."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from posemill.errors import InputError, ParamsError
from posemill.operations import tune
from posemill.params.train import TrainParams
from posemill.params.tune import Range, TuneParams
from posemill.stages import train
from posemill.stages.workspace import Workspace
from swaying_people import swaying

CLASSES = ["nod", "still", "sway"]
BASE = TrainParams(
    network="tcn",
    hyper={"tcn": {"width": 16, "dilations": [1, 2]}},
    epochs=3,
    batch=32,
    threads=1,
    min_windows_per_epoch=0,
)
RATE = Range(low=1e-5, high=3e-2, log=True)
PARAMS = TuneParams(space={"train.learning_rate": RATE}, trials=3, epochs=None, prune="none")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """What prepare wrote; the test split holds nothing that could be trained or judged on."""
    windows, index, pipeline = swaying(120)
    split = np.where(np.arange(120) % 10 == 9, "test", index.split)
    windows[split == "test"] = np.nan
    place = Workspace(tmp_path)
    prepared = place.output("prepare")
    prepared.mkdir(parents=True)
    np.save(prepared / "windows.npy", windows)
    activity = [CLASSES[i] for i in index.target]
    pd.DataFrame({"activity": activity, "clip": index.clip, "split": split}).to_parquet(prepared / "index.parquet")
    pipeline.save(prepared / "features.json")
    (prepared / "classes.json").write_text(json.dumps(CLASSES))
    return place


def test_the_best_trial_is_the_one_with_the_best_validation_score(workspace: Workspace) -> None:
    told: list[tune.Trial] = []
    found = tune.run(PARAMS, BASE, workspace, told.append)
    assert [t.number for t in told] == [0, 1, 2]
    assert found.trials == told
    assert found.best.score == max(t.score for t in told if t.score is not None)
    assert all(1e-5 <= t.values["train.learning_rate"] <= 3e-2 and t.epochs == 3 for t in told)
    assert not list((workspace.root / "build/.resume").glob("tune-*"))


def test_more_trials_go_on_where_the_search_was(workspace: Workspace) -> None:
    first = tune.run(PARAMS, BASE, workspace).trials
    more = tune.run(PARAMS.model_copy(update={"trials": 5}), BASE, workspace).trials
    assert more[:3] == first
    assert len({t.values["train.learning_rate"] for t in more}) == 5
    other = tune.run(PARAMS, BASE.model_copy(update={"batch": 16}), workspace).trials
    assert [t.number for t in other] == [0, 1, 2]


def test_a_killed_trial_is_trained_to_its_end(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train.trained

    def killed(*args: Any, on_epoch: Any, **options: Any) -> Any:
        def at_the_second_epoch(epoch: int, score: float) -> None:
            on_epoch(epoch, score)
            if epoch == 1:
                raise KeyboardInterrupt

        return whole(*args, on_epoch=at_the_second_epoch, **options)

    with monkeypatch.context() as patch:
        patch.setattr(train, "trained", killed)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            tune.run(PARAMS, BASE, workspace)
    assert len(list((workspace.root / "build/.resume").glob("tune-*"))) == 1
    resumed: list[int] = []
    monkeypatch.setattr(train, "trained", lambda *a, **o: _noting(resumed, whole(*a, **o)))
    trials = tune.run(PARAMS, BASE, workspace).trials
    assert resumed[0] >= 1
    assert resumed[1:] == [0, 0]
    assert [t.state for t in trials] == ["complete"] * 3


def _noting(resumed: list[int], result: Any) -> Any:
    resumed.append(result.resumed_from_epoch)
    return result


def test_hopeless_trials_are_cut_short(workspace: Workspace) -> None:
    params = TuneParams(
        space={"train.learning_rate": Range(choices=[8e-3, 1e-7])}, trials=8, epochs=None, prune="median", prune_after=1
    )
    trials = tune.run(params, BASE.model_copy(update={"epochs": 4}), workspace).trials
    short = [t for t in trials if t.state == "pruned"]
    assert short
    assert all(t.epochs < 4 and t.values["train.learning_rate"] == 1e-7 for t in short)


def test_choices_may_be_lists_and_come_out_as_an_experiment(workspace: Workspace) -> None:
    space = {"train.hyper.tcn.dilations": Range(choices=[[1], [1, 2]]), "train.batch": Range(low=8, high=16, step=8)}
    found = tune.run(TuneParams(space=space, trials=1, epochs=None), BASE, workspace)
    dilations, batch = found.best.values["train.hyper.tcn.dilations"], found.best.values["train.batch"]
    assert dilations in ([1], [1, 2])
    assert batch in (8, 16)
    command = found.command({"train": {"batch": 32}})
    written = str(dilations).replace(" ", "")
    assert command == f"dvc exp run -S '++train.hyper.tcn.dilations={written}' -S train.batch={batch}"


def test_the_experiment_is_what_dvc_reads(workspace: Workspace) -> None:
    import shlex

    import yaml
    from dvc.utils.hydra import apply_overrides

    best = tune.Trial(0, "complete", 1.0, 1, 1.0, {"train.hyper.tcn.dilations": [1, 2], "train.network": "tcn"}, "")
    known = {"train": {"network": "stgcn", "seed": 0}}
    path = workspace.root / "params.yaml"
    path.write_text(yaml.safe_dump(known))
    apply_overrides(path, shlex.split(tune.TuneResult([best], best).command(known))[4::2])
    assert yaml.safe_load(path.read_text())["train"] == {
        "network": "tcn",
        "seed": 0,
        "hyper": {"tcn": {"dilations": [1, 2]}},
    }


def test_what_train_does_not_take_is_named(workspace: Workspace) -> None:
    with pytest.raises(ParamsError, match=r"tune.space: train.learning_rates: Extra inputs"):
        tune.run(TuneParams(space={"train.learning_rates": RATE}), BASE, workspace)
    with pytest.raises(ParamsError, match="nothing to search"):
        tune.run(TuneParams(), BASE, workspace)
    with pytest.raises(InputError, match=r"none of 2 trials .* network tcn has no depth"):
        tune.run(TuneParams(space={"train.hyper.tcn.depth": Range(low=1, high=2)}, trials=2), BASE, workspace)


@pytest.mark.parametrize(
    "faulty",
    [
        {"low": 2, "high": 1},
        {"low": 1},
        {"choices": [1], "low": 1, "high": 2},
        {"low": 0, "high": 1, "log": True},
        {"choices": []},
    ],
)
def test_a_range_is_one_of_two_kinds(faulty: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Range(**faulty)


def test_only_parameters_of_train_are_searched() -> None:
    with pytest.raises(ValidationError, match="only parameters of train"):
        TuneParams(space={"prepare.skeleton": Range(choices=["body-12"])})
