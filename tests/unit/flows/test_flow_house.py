"""What flows are made of, without a server and without DVC."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

from flows._dvc import StageFailed, StageRun, _told
from flows._report import markdown, stage_rows

from posemill.errors import PosemillError, Unavailable
from posemill.stages.figures import columns
from posemill.stages.workspace import STAGES, Workspace


def test_of_a_progress_bar_only_one_line_now_and_then_is_told(tmp_path: Path) -> None:
    path, said = tmp_path / "output", []
    path.write_bytes(b"begin\n" + b"".join(b"%d %%\r" % i for i in range(100)) + b"100 %\nend\n")
    with path.open("rb") as file:
        lines = list(_told(file, said.append))
    assert said == ["begin", "0 %", "100 %", "end"]
    assert lines == said


def test_a_failed_stage_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(StageFailed("train", "no clips", True)))
    assert (str(again), again.stage, again.retryable) == ("stage train failed: no clips", "train", True)


def test_tables_show_every_stage_its_figures_and_the_reports(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (workspace.output("evaluate")).mkdir(parents=True)
    (workspace.output("evaluate") / "report.html").write_text("<html>")
    result = {"stage": "evaluate", "accuracy": 0.93751, "clips": 96, "classes": ["a", "b"]}
    (workspace.output("evaluate") / "result.json").write_text(json.dumps(result))
    runs = [
        StageRun("evaluate", "ran", 2.34, {"accuracy": 0.93751, "clips": 96}),
        StageRun("package", "failed", 0.5, reason="stage package failed: a | b"),
    ]
    table = markdown(runs, workspace)
    assert "| evaluate | ran | 2.3 | accuracy 0.9375, clips 96 |" in table
    assert "| package | failed | 0.5 | stage package failed: a \\| b |" in table
    assert f"- [evaluation]({(tmp_path / 'build/evaluate/report.html').as_uri()})" in table
    assert "model card" not in table
    lines = columns(stage_rows(workspace, STAGES)).splitlines()
    assert lines == ["evaluate    accuracy 0.9375, clips 96", "evaluation  build/evaluate/report.html"]


def test_only_what_says_so_is_tried_again() -> None:
    from flows._house import is_retryable

    class Ended:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def result(self) -> None:
            raise self.error

    assert is_retryable(None, None, Ended(StageFailed("label", "away", retryable=True)))
    assert is_retryable(None, None, Ended(Unavailable("away")))
    assert not is_retryable(None, None, Ended(PosemillError("wrong")))
    assert not is_retryable(None, None, Ended(RuntimeError("a bug")))


def test_every_stage_is_a_task_with_the_house_defaults() -> None:
    from flows._house import OTHERS_S, TASK, TIME_LIMITS_S, stage_task

    for stage in STAGES:
        task = stage_task(stage)
        assert (task.name, task.retries, task.log_prints) == (stage, TASK["retries"], True)
        assert task.timeout_seconds == TIME_LIMITS_S.get(stage, OTHERS_S)
    delays = stage_task("label").retry_delay_seconds
    assert delays[1] == 2 * delays[0]  # exponential
