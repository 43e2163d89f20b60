"""A challenger in shadow: what is counted, and that nothing of it reaches who sends requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from posemill.errors import InputError
from posemill.prediction.model import ActivityModel
from posemill.prediction.packaged import PACKAGED
from posemill.serving.served_model import Predicted
from posemill.serving.shadow import challenger, shadow
from posemill.serving.shadow.process import ChallengerError, ChallengerProcess, Compared
from posemill.serving.shadow.shadow import Shadow
from posemill.serving.shadow.tally import SAMPLES, Tally
from waiting import until

CHAMPION: Any = SimpleNamespace(tag="b:1", predictor=SimpleNamespace(classes=("rest", "squat")))
WINDOWS = np.zeros((3, 12, 12, 3), np.float32)


def answer(windows: np.ndarray[Any, Any] = WINDOWS) -> Predicted:
    """Of the champion: every window is a squat."""
    probabilities = np.full((len(windows), 2), (0.1, 0.9), np.float32)
    return Predicted("/x", windows, probabilities, np.zeros(len(windows), bool), CHAMPION)


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shadow]]:
    """Starts a shadow with a worker that misbehaves after some answers."""
    monkeypatch.setattr(shadow, "AGAIN_S", (0.05,))
    monkeypatch.setattr(shadow, "EVERY_S", 0.05)
    started: list[Shadow] = []

    def begin(how: str, good: int = 0, write: Any = None, answer_s: float = 60.0) -> Shadow:
        worker = partial(ChallengerProcess, Path(how), Path(str(good)), 20.0, answer_s, "misbehaving_challenger")
        started.append(Shadow(CHAMPION, "x:2", worker, write))
        return started[-1]

    yield begin
    for each in started:
        each.close()


def test_two_models_on_the_same_windows() -> None:
    predictor = ActivityModel.packaged()
    windows = np.random.default_rng(0).uniform(0, 300, (5, *predictor.features.shape)).astype(np.float32)
    process = ChallengerProcess(PACKAGED, PACKAGED)
    try:
        compared = process.ask(windows)
        assert process.classes == predictor.classes
        np.testing.assert_allclose(compared.probabilities, predictor.probabilities(windows), atol=1e-6)
        assert compared.champion_s > 0
        assert compared.challenger_s > 0
    finally:
        process.close()


def test_a_broken_package_is_an_error_of_the_worker(tmp_path: Path) -> None:
    with pytest.raises(ChallengerError, match=r"failed: CheckpointError: .*digests\.json is missing"):
        ChallengerProcess(PACKAGED, tmp_path)


def test_what_both_say_is_counted_and_written(start: Callable[..., Shadow]) -> None:
    rows: list[Any] = []
    running = start("well", 10**6, rows.append)
    until(lambda: running.up)
    running.observed(answer())
    running.observed(answer(np.zeros((50, 12, 12, 3), np.float32)))  # of which eight are compared
    running.observed(answer(WINDOWS[:0]))
    until(lambda: running.total.answers.total() == 2)
    running.close()
    assert (running.total.windows, running.total.failed) == ({("squat", "wave"): 11}, 0)
    assert sum(row["answers"] for row in rows) == 2
    row = next(row for row in rows if row["windows"])
    assert (row["champion"], row["challenger"]) == ("b:1", "x:2")
    assert row["since"] < row["until"]
    assert row["comparison"]["champion_confidence"][0] == 0.9
    assert row["comparison"]["challenger_ms"][0] == 2.0


@pytest.mark.parametrize("how", ["hangs", "crashes", "talks nonsense"])
def test_a_worker_that_fails_is_replaced_and_nobody_waits(start: Callable[..., Shadow], how: str) -> None:
    running = start(how, 2, answer_s=5.0)
    until(lambda: running.up)
    for number in (1, 2):
        running.observed(answer())
        until(lambda number=number: running.total.answers.total() == number)
    observed = 2

    def asked_again() -> bool:
        nonlocal observed
        running.observed(answer())
        observed += 1
        return running.total.failed >= 1 and running.total.answers.total() >= 3

    began = time.monotonic()
    for _ in range(100):
        asked_again()
    assert time.monotonic() - began < 4  # less than the time that the hanging one is waited for
    until(asked_again)  # by the next worker
    running.close()
    answers, dropped = running.total.answers.total(), running.total.dropped
    assert answers + dropped + running.waiting == observed  # nothing is lost without being counted
    assert dropped >= 1


def test_a_slow_worker_drops_what_does_not_fit(start: Callable[..., Shadow]) -> None:
    running = start("slow", answer_s=20.0)
    until(lambda: running.up)
    began = time.monotonic()
    for _ in range(500):
        running.observed(answer())
    assert time.monotonic() - began < 10  # less than one answer may take
    assert running.total.dropped >= 500 - shadow.WAITING - 1
    assert running.waiting <= shadow.WAITING


def test_a_worker_that_never_comes_up_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "AGAIN_S", (0.05,))
    worker = partial(ChallengerProcess, Path("silent"), Path("0"), 0.3, 1.0, "misbehaving_challenger")
    running = Shadow(CHAMPION, "x:2", worker)
    running.observed(answer())
    until(lambda: running.total.failed >= 2)
    running.close()
    assert running.total.dropped >= 3
    assert not running.total.answers


def test_rows_wait_for_a_database_that_is_away(start: Callable[..., Shadow]) -> None:
    rows: list[Any] = []
    away = [True]

    def write(row: Any) -> None:
        if away[0]:
            raise OSError("no database")
        rows.append(row)

    running = start("well", 10**6, write)
    until(lambda: running.up)
    running.observed(answer())
    until(lambda: len(running._rows) == 1)
    away[0] = False
    running.observed(answer())
    until(lambda: sum(row["answers"] for row in rows) == 2)


def test_metrics_show_the_confusion(start: Callable[..., Shadow]) -> None:
    from posemill.serving.metrics import Metrics

    metrics = Metrics(["rest", "squat"])
    running = start("well", 10**6)
    metrics.collectors.append(running.collect)
    until(lambda: running.up)
    running.observed(answer())
    until(lambda: running.total.answers.total() == 1)
    text = metrics.text().decode()
    assert 'posemill_shadow_windows_total{challenger="wave",champion="squat"} 3.0' in text
    assert 'posemill_shadow_seconds_bucket{le="0.0025",model="challenger"} 1.0' in text
    assert "posemill_shadow_answers_total 1.0" in text
    assert "posemill_shadow_up 1.0" in text


def test_samples_are_spread_over_all_that_came() -> None:
    tally = Tally()
    probabilities = np.array([[0.2, 0.8]], np.float32)
    for number in range(4 * SAMPLES):
        tally.add(probabilities, Compared(probabilities, number, 0.0), ("a", "b"), ("a", "b"))
    row = tally.as_row()
    kept = np.array(row["comparison"]["champion_ms"]) / 1000
    assert (row["answers"], len(kept)) == (4 * SAMPLES, SAMPLES)
    assert 0.15 < np.mean(kept < SAMPLES) < 0.35  # a quarter of what was kept is of the first quarter
    assert row["comparison"]["answers"] == [["b", "b", 4 * SAMPLES]]


def test_a_challenger_is_found_by_its_tag(tmp_path: Path) -> None:
    store = tmp_path / "store"
    model = store / "models" / "posemill-activity" / "m1"
    model.parent.mkdir(parents=True)
    model.symlink_to(PACKAGED)
    bento = store / "bentos" / "posemill-analysis" / "b1"
    bento.mkdir(parents=True)
    (bento / "bento.yaml").write_text("models: [{tag: posemill-activity:m1}]\n")
    env = {"BENTOML_HOME": str(store)}
    found = challenger.find_challenger("posemill-analysis:b1", env)
    assert (found.bento, found.folder.resolve()) == ("posemill-analysis:b1", PACKAGED.resolve())
    assert challenger.find_challenger("posemill-activity:m1", env).bento is None
    assert challenger.find_challenger(str(PACKAGED), env).tag == PACKAGED.name
    with pytest.raises(InputError, match=r"no bento and no model 'x:1' in .*; there are posemill-analysis:b1"):
        challenger.find_challenger("x:1", env)


def test_a_challenger_of_other_windows_is_refused(tmp_path: Path) -> None:
    text = (PACKAGED / "features.json").read_text()
    other = tmp_path / "features.json"
    other.write_text(text.replace('"stride_s": 0.25', '"stride_s": 0.5'))
    assert other.read_text() != text
    with pytest.raises(InputError, match=r"x:2 cannot be compared .* it reads other windows: window "):
        challenger.require_comparable(PACKAGED, challenger.Challenger("x:2", None, tmp_path))
    other.write_text(text)
    challenger.require_comparable(PACKAGED, challenger.Challenger("x:2", None, tmp_path))
    champion = tmp_path / "champion"
    champion.mkdir()
    for folder, backend in ((champion, "openpifpaf"), (tmp_path, "movenet")):
        (folder / "features.json").write_text(text)
        (folder / "labeller.json").write_text(f'{{"describes": {{"backend": "{backend}"}}}}')
    with pytest.raises(InputError, match="poses of another labeller"):
        challenger.require_comparable(champion, challenger.Challenger("x:2", None, tmp_path))
