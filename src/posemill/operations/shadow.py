"""shadow: a challenger against the released model, on the same live requests. No stage of dvc.yaml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posemill.atomic import write_text
from posemill.errors import GateError, InputError
from posemill.params.shadow import ShadowParams
from posemill.stages.result import StageResult

if TYPE_CHECKING:
    from posemill.monitoring.comparison import Comparison, ComparisonLimit
    from posemill.settings import Settings


class ShadowResult(StageResult):
    """Comparison of a challenger. `enough` False: too few windows to judge; `failed` names the figures past a limit.

    agreement    champion's activity → share of its windows that the challenger calls the same.
    confusion    [champion's activity, challenger's, windows].
    latency_ms   side → p50, p95 and p99.
    limits       figure, value, limit, passed.
    """

    stage: str = "shadow"
    champion: str
    challenger: str
    since: str
    answers: int
    windows: int
    dropped: int
    failures: int
    enough: bool
    passed: bool
    failed: list[str]
    says: str
    agreement: dict[str, float]
    confusion: list[tuple[str, str, int]]
    latency_ms: dict[str, dict[str, float]]
    limits: list[dict[str, Any]]


def run(
    params: ShadowParams,
    outputs: Path,
    settings: Settings,
    *,
    since_days: float | None = None,
    champion: str | None = None,
    challenger: str | None = None,
) -> ShadowResult:
    """Read the comparisons, and write report.html, shadow.json and result.json into `outputs`.

    champion, challenger  tags as the service was given them; default: the newest pair that was compared.
    A limit that is not kept is a result, not an error: look at `passed`, or call `require`.
    Errors: InputError where nothing was compared; Unavailable when the database is away.
    """
    from posemill.monitoring import comparison_report
    from posemill.monitoring.comparison import comparison, limits

    since = datetime.now(UTC) - timedelta(days=since_days or params.since_days)
    rows = _rows(settings, since, champion, challenger)
    if not rows:
        raise InputError(
            f"nothing was compared since {since:%Y-%m-%d %H:%M} UTC: serve with `posemill serve --shadow TAG`, or look "
            "further back with --since"
        )
    newest = (rows[-1]["champion"], rows[-1]["challenger"])
    compared = comparison([row for row in rows if (row["champion"], row["challenger"]) == newest])
    enough = compared.compared_windows >= params.min_windows
    measured = limits(compared, params)
    says = _sentence(compared, measured, params.min_windows)
    outputs.mkdir(parents=True, exist_ok=True)
    comparison_report.page(compared, measured, says=says, enough=enough).write(outputs / "report.html")
    result = _result(compared, measured, since, says=says, enough=enough)
    write_text(outputs / "shadow.json", result.model_dump_json(indent=2) + "\n")
    result.write(outputs)
    return result


def require(result: ShadowResult) -> None:
    """GateError with one sentence when something is past its limit."""
    if not result.passed:
        raise GateError(f"{result.says} Look at build/shadow/report.html")


def _result(
    compared: Comparison, measured: Sequence[ComparisonLimit], since: datetime, *, says: str, enough: bool
) -> ShadowResult:
    import numpy as np

    latency = {
        side: dict(zip(("p50", "p95", "p99"), np.quantile(times, (0.5, 0.95, 0.99)).tolist(), strict=True))
        for side, times in compared.latency_ms.items()
        if len(times)
    }
    over = [limit.figure for limit in measured if not limit.passed] if enough else []
    return ShadowResult(
        champion=compared.champion,
        challenger=compared.challenger,
        since=since.isoformat(timespec="seconds"),
        answers=compared.compared,
        windows=compared.compared_windows,
        dropped=compared.dropped,
        failures=compared.failures,
        enough=enough,
        passed=not over,
        failed=over,
        says=says,
        agreement={name: share for name, (_, share) in compared.agreement_by_activity().items()},
        confusion=[(a, b, count) for (a, b), count in sorted(compared.windows.items())],
        latency_ms=latency,
        limits=[
            {"figure": each.figure, "value": each.value, "limit": each.limit, "passed": each.passed}
            for each in measured
        ],
    )


def _rows(settings: Settings, since: datetime, champion: str | None, challenger: str | None) -> list[Mapping[str, Any]]:
    from posemill.store.postgres import opened_engine
    from posemill.store.shadow_comparisons import comparisons

    with opened_engine(settings) as engine, engine.connect() as connection:
        return [dict(row) for row in comparisons(connection, since, champion, challenger)]


def _sentence(compared: Comparison, measured: Sequence[ComparisonLimit], needed: int) -> str:
    if compared.compared_windows < needed:
        return f"{compared.compared_windows} windows were compared; {needed} are needed to judge (shadow.min_windows)."
    over = [limit.says for limit in measured if not limit.passed]
    if over:
        return f"{compared.challenger} should not be promoted: {'; '.join(over)}."
    return (
        f"{compared.challenger} agrees on {100 * compared.agreement:.1f} % of {compared.compared_windows} windows, and "
        "no limit speaks against promoting it."
    )
