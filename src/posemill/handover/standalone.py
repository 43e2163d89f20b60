"""Re-derive a bundle's headline accuracy clip by clip: its windows through its ONNX model, in an unpacked bundle.

Every bundle carries this file as `reproduce.py`. It needs numpy and onnxruntime, and the bundle's own code:

    python reproduce.py            in the folder that the bundle was unpacked to
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 256


def reproduce(folder: Path) -> dict[str, Any]:
    """Predict the test split and compare every clip's verdict, and the accuracy, with what the bundle says.

    folder   an unpacked bundle.
    Returns  clips, right, accuracy, stated_accuracy, and `different`: clips with another verdict, and both verdicts.
    """
    from posemill.features.pipeline import FeaturePipeline
    from posemill.features.verdict import NONE_OF_THESE, grouped_probabilities

    models = folder / "models"
    features = FeaturePipeline.load(models / "features.json")
    classes = [name for name in json.loads((models / "classes.json").read_text()) if name != NONE_OF_THESE]
    temperature = float(json.loads((models / "calibration.json").read_text())["temperature"])
    rows = [row for row in _table(folder / "lineage" / "windows.csv") if row["split"] == "test"]
    windows = np.load(folder / "workspace" / "build" / "prepare" / "windows.npy", mmap_mode="r")
    logits = _logits(models / "activity.onnx", features, windows, [int(row["window"]) for row in rows])
    scaled = logits[:, : len(classes)].astype(np.float64) / temperature
    probabilities = np.exp(scaled - scaled.max(1, keepdims=True))
    probabilities /= probabilities.sum(1, keepdims=True)
    numbers, of_clips = grouped_probabilities(
        probabilities.astype(np.float32), np.array([int(row["clip"]) for row in rows], np.int64)
    )
    answers = {int(n): classes[int(row.argmax())] for n, row in zip(numbers, of_clips, strict=True)}
    return compare(answers, folder)


def compare(answers: dict[int, str], folder: Path) -> dict[str, Any]:
    """Compare verdicts by clip with the bundle's."""
    stated = {int(row["clip"]): row for row in _table(folder / "lineage" / "verdicts.csv")}
    metrics = json.loads((folder / "workspace" / "build" / "evaluate" / "metrics.json").read_text())
    right = sum(stated[n]["activity"] == answer for n, answer in answers.items() if n in stated)
    different = [
        {"clip": n, "stated": stated.get(n, {}).get("predicted"), "answer": answers.get(n)}
        for n in sorted(set(stated) | set(answers))
        if stated.get(n, {}).get("predicted") != answers.get(n)
    ]
    return {
        "clips": len(answers),
        "right": right,
        "accuracy": right / max(len(answers), 1),
        "stated_accuracy": metrics["accuracy"],
        "different": different,
    }


def _logits(model: Path, features: Any, windows: Any, rows: list[int]) -> np.ndarray[Any, Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = []
    for start in range(0, len(rows), BATCH):
        batch = features.transform(np.asarray(windows[rows[start : start + BATCH]]))
        parts.append(np.asarray(session.run(None, {name: batch})[0]))
    return np.concatenate(parts)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: re.sub(r"^'(?=[=+\-@\t\r|%])", "", cell) for name, cell in row.items()} for row in rows]


def main(folder: Path) -> int:
    """Print the comparison as JSON. Exit code 0 if every verdict and the accuracy are the stated ones, else 1."""
    sys.path.insert(0, str(folder / "code" / "src"))
    result = reproduce(folder)
    print(json.dumps(result, indent=1))
    same = not result["different"] and abs(result["accuracy"] - result["stated_accuracy"]) < 1e-9
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent))
