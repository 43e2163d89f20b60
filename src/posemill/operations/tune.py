"""tune: hyper-parameter search for the train stage, by many short trainings. Not a stage of dvc.yaml."""

from __future__ import annotations

import hashlib
import json
import logging
import shlex
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from posemill.errors import InputError, ParamsError, validation_faults
from posemill.params.train import TrainParams
from posemill.params.tune import Range, TuneParams, override
from posemill.stages import train
from posemill.stages.workspace import Workspace
from posemill.stages.workspace_lock import workspace_lock

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage


@dataclass(frozen=True)
class Trial:
    """One training: its state (complete, pruned, fail), best validation score, and the parameters that it tried."""

    number: int
    state: str
    score: float | None
    epochs: int
    seconds: float
    values: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class TuneResult:
    """All trials, and the best one."""

    trials: list[Trial]
    best: Trial

    def command(self, known: dict[str, Any]) -> str:
        """The best parameters as a DVC experiment. known: what params.yaml says now; a new key needs ++."""
        changes = [f"{'' if _says(known, k) else '++'}{k}={_plain(v)}" for k, v in self.best.values.items()]
        return " ".join(["dvc exp run", *(f"-S {shlex.quote(c)}" for c in changes)])


def run(
    params: TuneParams, base: TrainParams, inputs: Workspace, on_result: Callable[[Trial], None] = lambda _: None
) -> TuneResult:
    """Search until params.trials are done; one that was killed goes on. Judged on the validation split only.

    on_result  gets every trial of this run when it has ended.
    Errors: ParamsError for keys or values that train does not take; InputError where every trial failed.
    """
    import optuna

    if not params.space:
        raise ParamsError(
            "nothing to search: give ranges in params.yaml, such as tune.space: {train.learning_rate: {low: 0.0003, "
            "high: 0.01, log: true}}"
        )
    base = base.model_copy(update={"epochs": params.epochs or base.epochs, "devices": 1})
    changed(base, {key: reach.example for key, reach in params.space.items()})
    home = inputs.root / "build" / "tune"
    with workspace_lock(home / ".lock", "posemill tune"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        for name in ("pytorch_lightning", "lightning_fabric"):  # says the same things of every trial
            import_module(name)  # which sets its own level
            logging.getLogger(name).setLevel(logging.WARNING)
        study = _study(params, base, inputs)
        done = [t for t in study.get_trials(deepcopy=False) if _counts(t)]
        study.optimize(
            lambda trial: _train(trial, params, base, inputs),
            n_trials=max(params.trials - len(done), 0),
            catch=(InputError,),
            callbacks=[lambda _, trial: on_result(_trial(trial, params))],
        )
        trials = [_trial(t, params) for t in study.get_trials() if _counts(t)]
    complete = [t for t in trials if t.state == "complete"]
    if not complete:
        raise InputError(f"none of {len(trials)} trials could be trained to its end; the last: {trials[-1].reason}")
    return TuneResult(trials, max(complete, key=lambda t: t.score or 0.0))


def changed(base: TrainParams, values: dict[str, Any]) -> TrainParams:
    """The parameters with some of another value; ParamsError names those that train does not take."""
    try:
        return TrainParams.model_validate(override(base.model_dump(mode="json"), values))
    except ValidationError as exc:
        faults = validation_faults(exc, "train.")
        raise ParamsError(f"params.yaml, tune.space: {faults}") from exc


def _study(params: TuneParams, base: TrainParams, inputs: Workspace) -> optuna.Study:
    """The search on these data, with these parameters and this space: others are never mixed in."""
    import optuna

    space = json.dumps({k: r.model_dump() for k, r in params.space.items()}, sort_keys=True)
    name = hashlib.sha256(f"{train.digest(base, inputs)} {space}".encode()).hexdigest()[:16]
    storage = _storage(params, inputs)
    pruner = optuna.pruners.MedianPruner(params.prune_after, params.prune_after)
    study = optuna.create_study(
        storage=storage,
        study_name=f"posemill-{name}",
        direction="maximize",
        load_if_exists=True,
        pruner=pruner if params.prune == "median" else optuna.pruners.NopPruner(),
    )
    if not params.storage:
        _again_what_was_killed(study)
    # a sampler of the same seed would draw again what it drew before the search was stopped
    study.sampler = optuna.samplers.TPESampler(seed=params.seed + len(study.trials))
    return study


def _storage(params: TuneParams, inputs: Workspace) -> BaseStorage:
    from optuna import storages
    from optuna.storages.journal import JournalFileBackend

    if not params.storage:
        path = inputs.root / "build" / "tune" / "trials.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return storages.JournalStorage(JournalFileBackend(str(path)))
    retry = storages.RetryFailedTrialCallback(max_retry=2)
    return storages.RDBStorage(params.storage, heartbeat_interval=60, failed_trial_callback=retry)


def _again_what_was_killed(study: optuna.Study) -> None:
    """One process searches at a time: a trial that still runs was killed, and is begun again, from its last epoch."""
    import optuna

    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _counts(trial: optuna.trial.FrozenTrial) -> bool:
    """True if the trial ended by itself: a failed one without a reason was killed."""
    return trial.state.is_finished() and (trial.state.name != "FAIL" or "reason" in trial.user_attrs)


def _train(trial: optuna.Trial, params: TuneParams, base: TrainParams, inputs: Workspace) -> float:
    """Best validation score of one training."""
    import optuna

    base = base.model_copy(update={"folds": 1})  # a trial is judged on the validation split
    chosen = changed(base, {key: _suggest(trial, key, reach) for key, reach in params.space.items()})
    scratch = inputs.root / "build" / ".resume" / f"tune-{train.digest(chosen, inputs)}"

    def on_epoch(epoch: int, score: float) -> None:
        trial.report(score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        result = train.trained(chosen, inputs, scratch, on_epoch=on_epoch)
    except (optuna.TrialPruned, InputError) as exc:
        trial.set_user_attr("reason", str(exc))
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    from posemill.training.module import validation_score

    trial.set_user_attr("epochs", len(result.history))
    return max(map(validation_score, result.history))


def _suggest(trial: optuna.Trial, key: str, reach: Range) -> Any:
    if reach.choices is not None:  # as JSON, since lists are no choices to Optuna
        return json.loads(trial.suggest_categorical(key, [json.dumps(c) for c in reach.choices]))
    low, high = reach.low, reach.high
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(key, low, high, step=int(reach.step or 1), log=reach.log)
    return trial.suggest_float(key, float(low or 0), float(high or 0), step=reach.step, log=reach.log)


def _trial(trial: optuna.trial.FrozenTrial, params: TuneParams) -> Trial:
    values = {k: json.loads(v) if params.space[k].choices is not None else v for k, v in trial.params.items()}
    epochs = trial.user_attrs.get("epochs", len(trial.intermediate_values))
    seconds = trial.duration.total_seconds() if trial.duration else 0.0
    score = max(trial.intermediate_values.values(), default=None) if trial.value is None else trial.value
    return Trial(
        trial.number, trial.state.name.lower(), score, epochs, seconds, values, trial.user_attrs.get("reason", "")
    )


def _says(known: dict[str, Any], key: str) -> bool:
    """True if a dotted key is in params.yaml."""
    place: Any = known
    for part in key.split("."):
        if not isinstance(place, dict) or part not in place:
            return False
        place = place[part]
    return True


def _plain(value: Any) -> str:
    """As Hydra reads it on the command line."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
