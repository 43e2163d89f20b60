"""What evaluation writes beside its page: predictions, and small tables for `dvc plots`."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from posemill.evaluation.gates import GateOutcome
from posemill.evaluation.judge import Judgement, Level


def write(
    folder: Path, judged: Judgement, outcomes: Sequence[GateOutcome], figures: Mapping[str, Any]
) -> dict[str, Any]:
    """Write metrics.json, calibration.json, predictions.parquet and plots/*.csv; returns what is in metrics.json.

    figures  those of the judgement, and of whatever the clips were put through.
    """
    figures = {**figures, "gates": {o.gate: "passed" if o.passed else o.says for o in outcomes}}
    _json(folder / "metrics.json", figures)
    _json(
        folder / "calibration.json",
        {"temperature": judged.temperature, "rejection_threshold": judged.threshold, "fitted_on": judged.fitted_on},
    )
    _predictions(folder / "predictions.parquet", judged)
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    names, clips = judged.classes, judged.clips
    pairs = zip(clips.actual.tolist(), clips.predicted.tolist(), strict=True)
    _csv(plots / "confusion.csv", ("actual", "predicted"), ((names[a], names[p]) for a, p in pairs))
    curves = (("raw", judged.raw_bins), ("calibrated", judged.bins))
    _csv(
        plots / "reliability.csv",
        ("probabilities", "confidence", "accuracy", "count"),
        ((which, f"{b.confidence:.4f}", f"{b.accuracy:.4f}", b.count) for which, bins in curves for b in bins),
    )
    risk = judged.risk_coverage
    points = zip(risk.coverage, risk.risk, risk.threshold, strict=True)
    _csv(
        plots / "risk_coverage.csv",
        ("coverage", "risk", "threshold"),
        ((f"{c:.4f}", f"{r:.4f}", f"{t:.4f}") for c, r, t in points),
    )
    return figures


def _predictions(path: Path, judged: Judgement) -> None:
    """Windows and clips in one table; `window` is null in a clip's row."""
    import pandas as pd

    table = pd.concat([_rows(judged.windows, judged.classes), _rows(judged.clips, judged.classes).assign(window=None)])
    table.astype({"window": "Int64"}).to_parquet(path, index=False)


def _rows(level: Level, classes: list[str]) -> Any:
    wanted = [c for c in ("window", "clip", "medium", "person", "start_s", "subject", "camera") if c in level.index]
    return level.index[wanted].assign(
        split="test",
        activity=[classes[a] for a in level.actual],
        predicted=[classes[p] for p in level.predicted],
        confidence=level.probabilities.max(-1),
        probabilities=list(level.probabilities),
    )


def _json(path: Path, content: Mapping[str, Any]) -> None:
    """JSON without NaN, which is not JSON: a figure that was not measured is null."""
    path.write_text(json.dumps(_finite(content), indent=2, ensure_ascii=False) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
