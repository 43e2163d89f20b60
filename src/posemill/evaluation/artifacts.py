"""Evaluation artifacts: metrics.json, calibration.json, predictions.parquet, and plots/*.csv for `dvc plots`."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from posemill.evaluation.evaluation_results import EvaluationResults, Predictions
from posemill.evaluation.gates import GateOutcome
from posemill.text_file import spreadsheet_safe


def write_artifacts(
    folder: Path, results: EvaluationResults, outcomes: Sequence[GateOutcome], metrics: Mapping[str, Any]
) -> dict[str, Any]:
    """Write metrics.json, calibration.json, predictions.parquet and plots/*.csv; returns what is in metrics.json.

    metrics  of the evaluation and of robustness.
    """
    metrics = {**metrics, "gates": {o.gate: "passed" if o.passed else o.says for o in outcomes}}
    _json(folder / "metrics.json", metrics)
    _json(
        folder / "calibration.json",
        {
            "temperature": results.temperature,
            "rejection_threshold": results.rejection_threshold,
            "fitted_on": results.fitted_on,
        },
    )
    _predictions(folder / "predictions.parquet", results)
    plots = folder / "plots"
    plots.mkdir(parents=True, exist_ok=True)
    names, clips = results.classes, results.clips
    pairs = zip(clips.actual.tolist(), clips.predicted.tolist(), strict=True)
    _csv(plots / "confusion.csv", ("actual", "predicted"), ((names[a], names[p]) for a, p in pairs))
    curves = (("raw", results.raw_bins), ("calibrated", results.bins))
    _csv(
        plots / "reliability.csv",
        ("probabilities", "confidence", "accuracy", "count"),
        ((name, f"{b.confidence:.4f}", f"{b.accuracy:.4f}", b.count) for name, bins in curves for b in bins),
    )
    risk = results.risk_coverage
    points = zip(risk.coverage, risk.risk, risk.threshold, strict=True)
    _csv(
        plots / "risk_coverage.csv",
        ("coverage", "risk", "threshold"),
        ((f"{c:.4f}", f"{r:.4f}", f"{t:.4f}") for c, r, t in points),
    )
    return metrics


def _predictions(path: Path, results: EvaluationResults) -> None:
    """Windows and clips in one table; `window` is null in a clip's row."""
    import pandas as pd

    table = pd.concat(
        [_rows(results.windows, results.classes), _rows(results.clips, results.classes).assign(window=None)]
    )
    table.astype({"window": "Int64"}).to_parquet(path, index=False)


def _rows(predictions: Predictions, classes: list[str]) -> Any:
    columns = [
        c for c in ("window", "clip", "medium", "person", "start_s", "subject", "camera") if c in predictions.index
    ]
    return predictions.index[columns].assign(
        split="test",
        activity=[classes[a] for a in predictions.actual],
        predicted=[classes[p] for p in predictions.predicted],
        confidence=predictions.confidence,
        probabilities=list(predictions.probabilities),
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
        writer.writerows([spreadsheet_safe(cell) for cell in row] for row in rows)
