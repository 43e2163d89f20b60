"""monitor: what the released service saw lately against what its model was trained on. No stage of dvc.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.atomic import write_text
from posemill.errors import GateError, InputError
from posemill.params.monitor import MonitorParams
from posemill.stages.result import StageResult
from posemill.stages.workspace import Workspace

if TYPE_CHECKING:
    from posemill.monitoring.drift import Drift
    from posemill.settings import Settings


class MonitorResult(StageResult):
    """Drift of live data. `enough` False: too few windows to judge; `drifted` names the figures past a limit.

    rows has every figure: figure, psi, ks, max_psi, max_ks, trained, seen, passed.
    """

    stage: str = "monitor"
    bentos: list[str]
    since: str
    answers: int
    windows: int
    enough: bool
    passed: bool
    drifted: list[str]
    says: str
    rows: list[dict[str, Any]]


def run(
    params: MonitorParams,
    inputs: Workspace,
    outputs: Path,
    *,
    since_days: float | None = None,
    bento: str | None = None,
    settings: Settings | None = None,
) -> MonitorResult:
    """Read the record of answers, compare, write report.html, monitor.json and result.json into `outputs`.

    bento  a tag of this workspace's store; default: both bentos of build/package.
    A drift is a result, not an error: look at `passed`, or call `require`.
    Errors: InputError without a package or its reference.json; Unavailable when the database is away.
    """
    from posemill.monitoring import drift, report
    from posemill.monitoring.live import live
    from posemill.monitoring.reference import load
    from posemill.settings import Settings

    settings = settings or Settings.from_env()
    trained = load(reference_of(bento, inputs, settings))
    tags = [bento] if bento else list(_tags(inputs).values())
    since = datetime.now(UTC) - timedelta(days=since_days or params.since_days)
    seen = live(_rows(settings, tags, since))
    enough = seen.windows >= params.min_windows
    drifts = drift.compare(trained, seen, params) if enough else []
    says = _sentence(drifts, seen.windows, params.min_windows)
    outputs.mkdir(parents=True, exist_ok=True)
    report.page(trained, seen, drifts, says=says, enough=enough).write(outputs / "report.html")
    result = MonitorResult(
        bentos=tags,
        since=since.isoformat(timespec="seconds"),
        answers=seen.answers,
        windows=seen.windows,
        enough=enough,
        passed=all(d.passed for d in drifts),
        drifted=[d.figure for d in drifts if not d.passed],
        says=says,
        rows=[_row(d) for d in drifts],
    )
    write_text(outputs / "monitor.json", result.model_dump_json(indent=2) + "\n")
    result.write(outputs)
    return result


def require(result: MonitorResult) -> None:
    """GateError with one sentence when something is past its limit."""
    if not result.passed:
        raise GateError(f"{result.says} Look at build/monitor/report.html, then label and train on what is new")


def reference_of(bento: str | None, inputs: Workspace, settings: Settings) -> Path:
    """Return the path of reference.json: in build/package, or with the model of a bento in the store."""
    from posemill.monitoring.reference import FILE
    from posemill.packaging.bento import environment

    if bento is None:
        return inputs.output("package") / FILE
    import yaml

    store = Path(environment(settings.home)["BENTOML_HOME"])
    recipe = store / "bentos" / bento.replace(":", "/") / "bento.yaml"
    if ":" not in bento or not recipe.is_file():
        raise InputError(f"no bento {bento!r} in {store}: give a tag such as posemill-analysis:0123abcd")
    model = str(yaml.safe_load(recipe.read_text())["models"][0]["tag"])
    return store / "models" / model.replace(":", "/") / FILE


def _tags(inputs: Workspace) -> dict[str, str]:
    path = inputs.output("package") / "bento.json"
    if not path.is_file():
        raise InputError(f"no {path}: there is no package to watch; run `dvc repro`")
    tags: dict[str, str] = json.loads(path.read_text())
    return {kind: tag for kind, tag in tags.items() if kind != "model"}


def _rows(settings: Settings, tags: Sequence[str], since: datetime) -> list[Mapping[str, Any]]:
    from posemill.store.postgres import opened_engine
    from posemill.store.predictions import predictions

    with opened_engine(settings) as engine, engine.connect() as connection:
        rows = [dict(row) for tag in tags for row in predictions(connection, since, tag)]
    return sorted(rows, key=lambda row: row["added_at"])


def _sentence(drifts: Sequence[Drift], windows: int, needed: int) -> str:
    if windows < needed:
        return f"{windows} windows were seen; {needed} are needed to judge (monitor.min_windows)."
    over = [d.says for d in drifts if not d.passed]
    return f"What the service sees has changed: {'; '.join(over)}." if over else "Live data are like the training data."


def _row(found: Drift) -> dict[str, Any]:
    return {
        "figure": found.figure,
        "psi": found.psi,
        "ks": found.ks,
        "max_psi": found.max_psi,
        "max_ks": found.max_ks,
        "trained": found.trained,
        "seen": found.seen,
        "passed": found.passed,
    }
